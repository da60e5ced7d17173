// SPDX-License-Identifier: Apache-2.0
// What is live: rows of tables that the server sends anew as they change, and
// the numbers beside sliders. Everything else works without a script.
'use strict';

function follow(table) {
  const body = table.tBodies[0];
  // While someone is at a button in the table, it stays as it is.
  const replace = rows => {
    if (!body.contains(document.activeElement)) {
      body.innerHTML = rows;
    }
  };
  const ask = () => {
    fetch(table.dataset.rows, {redirect: 'error'})
      .then(answer => (answer.ok ? answer.text() : null))
      .then(rows => {
        if (rows !== null) {
          replace(rows);
        }
      })
      .catch(() => {})
      .finally(() => setTimeout(ask, 5000));
  };
  const events = new EventSource(table.dataset.live);
  events.onmessage = event => replace(JSON.parse(event.data));
  events.addEventListener('refused', () => {
    events.close();
    location.reload();
  });
  events.onerror = () => {
    // A connection that ended is made again by the browser; one that was
    // refused, because too many pages are open, is not.
    if (events.readyState === EventSource.CLOSED) {
      ask();
    }
  };
}

document.querySelectorAll('table[data-live]').forEach(follow);

document.querySelectorAll('input[type=range]').forEach(slider => {
  slider.addEventListener('input', () => {
    document.querySelector(`output[for="${slider.id}"]`).value = slider.value;
  });
});
