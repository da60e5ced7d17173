# SPDX-License-Identifier: Apache-2.0

import testtools

from tests.packages import guide

PAGE = '''
Title
=====

::

   # apt-get install it
   # first "a  b"

Some words::

   $ not roots

.. code-block:: ini
   :caption: /etc/it.conf

   [group]
   # a comment
   option = value

   [other]

.. code-block:: ini

   [shown]

::

   # last
'''


class GuideTestCase(testtools.TestCase):

    def test_script(self):
        packages, script = guide.script(PAGE)
        self.assertEqual(['apt-get install it'], packages)
        self.assertEqual('''first "a  b"
cat >/etc/it.conf <<'END OF FILE'
[group]
# a comment
option = value

[other]
END OF FILE
last
''', script)
