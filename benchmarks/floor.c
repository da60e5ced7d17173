/* SPDX-License-Identifier: Apache-2.0
 * floor MODE SRC DST PREV THREADS: the least that the work needs, on THREADS threads.
 * backup: scan, read, SHA-256, write, xattrs listed, unchanged seen, times, syncfs
 * link: scan, lstat, link from PREV;  scan: scan and lstat;
 * restore: read, SHA-256, write, times;  compare: read both and digest. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
enum { BACKUP, LINK, SCAN, RESTORE, COMPARE };
static int mode, chunk = 16, digest = 1;
struct pair { int s, d, p, refs; char *path; };
struct task { struct pair *dir; char *sub; char **names; int n; struct task *next; };
static struct task *head; static int pending; static long files;
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static void push(struct task *t) { pthread_mutex_lock(&m); t->next = head; head = t; pending++; pthread_cond_signal(&c); pthread_mutex_unlock(&m); }
static void drop(struct pair *p) { if (p && !__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL)) { close(p->s); if (p->d >= 0) close(p->d); if (p->p >= 0) close(p->p); free(p); } }
static void die(const char *w, const char *n) { fprintf(stderr, "%s %s: %s\n", w, n, strerror(errno)); exit(1); }
struct th { char *buf, *line; FILE *out; EVP_MD_CTX *ctx; };
static void one(struct th *t, struct pair *d, const char *name) {
    struct stat st, st2;
    if (mode == LINK || mode == SCAN) {
        if (fstatat(d->s, name, &st, AT_SYMLINK_NOFOLLOW)) die("stat", name);
        if (mode == LINK && linkat(d->p, name, d->d, name, 0)) die("link", name);
        fprintf(t->out, "F %s %o %d %d %ld %ld %ld\n", name, st.st_mode, st.st_uid, st.st_gid, st.st_mtim.tv_nsec, (long)st.st_ino, (long)st.st_size);
        return;
    }
    unsigned char sum[32]; unsigned len;
    int s = openat(d->s, name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
    if (s < 0) die("open", name);
    if (fstat(s, &st)) die("fstat", name);
    int o = mode == COMPARE ? openat(d->d, name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC) : openat(d->d, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
    if (o < 0) die("create", name);
    EVP_DigestInit_ex(t->ctx, EVP_sha256(), NULL);
    off_t done = 0, asked = 0;
    for (;;) {
        ssize_t k = read(mode == COMPARE ? o : s, t->buf, 1 << 20);
        if (k < 0) die("read", name);
        if (!k) break;
        if (digest) EVP_DigestUpdate(t->ctx, t->buf, k);
        if (mode != COMPARE && write(o, t->buf, k) != k) die("write", name);
        done += k;
        if (done >= st.st_size) break;
        if (done - asked >= 16 << 20 && mode != COMPARE) { sync_file_range(o, asked, done - asked, SYNC_FILE_RANGE_WRITE); asked = done; }
    }
    EVP_DigestFinal_ex(t->ctx, sum, &len);
    char x[256]; flistxattr(mode == COMPARE ? o : s, x, sizeof x);
    if (mode == BACKUP) { fstat(s, &st2); if (st2.st_ctim.tv_nsec != st.st_ctim.tv_nsec) die("changed", name); }
    if (mode != COMPARE) { struct timespec ts[2] = { { 0, UTIME_OMIT }, st.st_mtim }; futimens(o, ts); }
    close(o); close(s);
    fprintf(t->out, "F %s %o %d %d %ld %ld %ld ", name, st.st_mode, st.st_uid, st.st_gid, st.st_mtim.tv_nsec, (long)st.st_ino, (long)st.st_size);
    for (int i = 0; i < 32; i++) fprintf(t->out, "%02x", sum[i]);
    fputc('\n', t->out);
}
static void *work(void *a) {
    struct th t = { malloc(1 << 20), NULL, tmpfile(), EVP_MD_CTX_new() };
    for (;;) {
        pthread_mutex_lock(&m);
        while (!head && pending) pthread_cond_wait(&c, &m);
        struct task *k = head;
        if (!k) { pthread_cond_broadcast(&c); pthread_mutex_unlock(&m); break; }
        head = k->next;
        pthread_mutex_unlock(&m);
        if (k->sub) {
            struct pair *p = calloc(1, sizeof *p); p->refs = 1; p->d = p->p = -1;
            p->s = openat(k->dir ? k->dir->s : AT_FDCWD, k->sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (p->s < 0) die("opendir", k->sub);
            if (k->dir && mode != SCAN) {
                if (mode != COMPARE) mkdirat(k->dir->d, k->sub, 0755);
                p->d = openat(k->dir->d, k->sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (p->d < 0) die("mkdir", k->sub);
                if (mode == LINK) p->p = openat(k->dir->p, k->sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            } else if (!k->dir) { p->d = ((int *)a)[0]; p->p = ((int *)a)[1]; }
            DIR *d = fdopendir(dup(p->s)); struct dirent *e; struct task *f = NULL; rewinddir(d);
            while ((e = readdir(d))) {
                if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
                struct task *n = NULL;
                if (e->d_type == DT_DIR) { n = calloc(1, sizeof *n); n->dir = p; n->sub = strdup(e->d_name); __atomic_add_fetch(&p->refs, 1, __ATOMIC_ACQ_REL); push(n); continue; }
                __atomic_add_fetch(&files, 1, __ATOMIC_RELAXED);
                if (!f) { f = calloc(1, sizeof *f); f->dir = p; f->names = calloc(chunk, sizeof(char *)); __atomic_add_fetch(&p->refs, 1, __ATOMIC_ACQ_REL); }
                f->names[f->n++] = strdup(e->d_name);
                if (f->n == chunk) { push(f); f = NULL; }
            }
            if (f) push(f);
            closedir(d); drop(k->dir); drop(p); free(k->sub);
        } else {
            for (int i = 0; i < k->n; i++) { one(&t, k->dir, k->names[i]); free(k->names[i]); }
            free(k->names); drop(k->dir);
        }
        free(k);
        pthread_mutex_lock(&m); if (!--pending) pthread_cond_broadcast(&c); pthread_mutex_unlock(&m);
    }
    fflush(t.out); fclose(t.out); free(t.buf);
    return NULL;
}
int main(int argc, char **v) {
    const char *names[] = { "backup", "link", "scan", "restore", "compare" };
    for (int i = 0; i < 5; i++) if (!strcmp(v[1], names[i])) mode = i;
    int n = atoi(v[5]), roots[2] = { -1, -1 };
    if (getenv("NODIGEST")) digest = 0;
    if (getenv("CHUNK")) chunk = atoi(getenv("CHUNK"));
    umask(0);
    if (mode != SCAN) { if (mode != COMPARE) mkdir(v[3], 0755); roots[0] = open(v[3], O_RDONLY | O_DIRECTORY); if (roots[0] < 0) die("open", v[3]); }
    if (mode == LINK) { roots[1] = open(v[4], O_RDONLY | O_DIRECTORY); if (roots[1] < 0) die("open", v[4]); }
    int keep = roots[0] >= 0 ? dup(roots[0]) : -1;
    struct task *t = calloc(1, sizeof *t); t->sub = strdup(v[2]); push(t);
    pthread_t id[512];
    for (int i = 0; i < n; i++) pthread_create(&id[i], NULL, work, roots);
    for (int i = 0; i < n; i++) pthread_join(id[i], NULL);
    if (keep >= 0) syncfs(keep);
    return 0;
}
