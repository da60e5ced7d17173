/* SPDX-License-Identifier: Apache-2.0
 * latfs: a passthrough FUSE file system that sleeps for each operation.
 * latfs BACKING MOUNTPOINT CONTROLFILE CACHE_SECONDS THREADS
 * CONTROLFILE is mapped: u64[0] = meta sleep in us, [1] = data sleep in us,
 * [2] = charge xattr calls (1/0), [3] = stop flag unused, [8..] counters. */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 314
#include <fuse3/fuse_lowlevel.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { LOOKUP, GETATTR, SETATTR, READLINK, MKNOD, MKDIR, UNLINK, RMDIR, SYMLINK, RENAME, LINK, OPEN,
       CREATE, OPENDIR, READDIR, GETXATTR, LISTXATTR, SETXATTR, REMOVEXATTR, STATFS, FSYNC, LSEEK, READ,
       WRITE, RELEASE, IOCTL, SECCAP, FORGET, LOOKUPNEG, KOPEN, NOPS };

static volatile uint64_t *ctl;
static double cache_s;

struct node { int fd; dev_t dev; ino_t ino; uint64_t refs; struct node *next; };
static struct node root;
#define BUCKETS (1 << 18)
static struct node *table[BUCKETS];
static pthread_mutex_t locks[256];

static struct node *N(fuse_ino_t i) { return i == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)i; }
static unsigned bucket(dev_t d, ino_t i) { return (unsigned)((i * 11400714819323198485ull) >> 46) & (BUCKETS - 1); }

static void nap(uint64_t us) {
    static __thread int set;
    if (!set) { prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); set = 1; }
    if (us) { struct timespec t = { us / 1000000, (us % 1000000) * 1000 }; nanosleep(&t, NULL); }
}
static void count(int op) { __atomic_fetch_add(&ctl[8 + op], 1, __ATOMIC_RELAXED); }
static void meta(int op) { count(op); nap(ctl[0]); }
static void data(int op) { count(op); nap(ctl[1]); }
static void xat(int op) { count(op); if (ctl[2]) nap(ctl[0]); }

static void proc(struct node *n, char *out) { sprintf(out, "/proc/self/fd/%d", n->fd); }

static int entry_of(struct node *parent, const char *name, struct fuse_entry_param *e) {
    memset(e, 0, sizeof *e);
    e->attr_timeout = e->entry_timeout = cache_s;
    int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno;
    if (fstatat(fd, "", &e->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) { int r = errno; close(fd); return r; }
    unsigned b = bucket(e->attr.st_dev, e->attr.st_ino);
    pthread_mutex_t *m = &locks[b & 255];
    pthread_mutex_lock(m);
    struct node *n = table[b];
    while (n && (n->ino != e->attr.st_ino || n->dev != e->attr.st_dev)) n = n->next;
    if (n) { n->refs++; close(fd); }
    else {
        n = calloc(1, sizeof *n);
        n->fd = fd; n->dev = e->attr.st_dev; n->ino = e->attr.st_ino; n->refs = 1;
        n->next = table[b]; table[b] = n;
    }
    pthread_mutex_unlock(m);
    e->ino = (uintptr_t)n;
    return 0;
}
static void drop(fuse_ino_t ino, uint64_t k) {
    if (ino == FUSE_ROOT_ID) return;
    struct node *n = N(ino);
    unsigned b = bucket(n->dev, n->ino);
    pthread_mutex_t *m = &locks[b & 255];
    pthread_mutex_lock(m);
    n->refs -= k;
    if (!n->refs) {
        struct node **p = &table[b];
        while (*p != n) p = &(*p)->next;
        *p = n->next; close(n->fd); free(n);
    }
    pthread_mutex_unlock(m);
}
static void reply_entry(fuse_req_t r, fuse_ino_t parent, const char *name) {
    struct fuse_entry_param e;
    int err = entry_of(N(parent), name, &e);
    if (err) fuse_reply_err(r, err); else fuse_reply_entry(r, &e);
}
static void op_lookup(fuse_req_t r, fuse_ino_t p, const char *name) {
    struct fuse_entry_param e;
    int err = entry_of(N(p), name, &e);
    /* NFS asks nothing before an exclusive create, a link or the target of a rename: free for all. */
    if (err != ENOENT || ctl[3]) meta(LOOKUP);
    if (err == ENOENT) {
        count(LOOKUPNEG); memset(&e, 0, sizeof e); e.entry_timeout = cache_s; fuse_reply_entry(r, &e);
    } else if (err) fuse_reply_err(r, err);
    else fuse_reply_entry(r, &e);
}
static void op_forget(fuse_req_t r, fuse_ino_t i, uint64_t k) { count(FORGET); drop(i, k); fuse_reply_none(r); }
static void op_forget_multi(fuse_req_t r, size_t c, struct fuse_forget_data *f) {
    for (size_t i = 0; i < c; i++) drop(f[i].ino, f[i].nlookup);
    count(FORGET); fuse_reply_none(r);
}
static void op_getattr(fuse_req_t r, fuse_ino_t i, struct fuse_file_info *fi) {
    meta(GETATTR);
    struct stat st;
    if (fstatat(N(i)->fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) fuse_reply_err(r, errno);
    else fuse_reply_attr(r, &st, cache_s);
}
static void op_setattr(fuse_req_t r, fuse_ino_t i, struct stat *a, int valid, struct fuse_file_info *fi) {
    meta(SETATTR);
    char path[64]; proc(N(i), path);
    int e = 0;
    if (valid & FUSE_SET_ATTR_MODE) e = chmod(path, a->st_mode);
    if (!e && valid & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
        e = fchownat(N(i)->fd, "", valid & FUSE_SET_ATTR_UID ? a->st_uid : (uid_t)-1,
                     valid & FUSE_SET_ATTR_GID ? a->st_gid : (gid_t)-1, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (!e && valid & FUSE_SET_ATTR_SIZE) e = truncate(path, a->st_size);
    if (!e && valid & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) {
        struct timespec t[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
        if (valid & FUSE_SET_ATTR_ATIME_NOW) t[0].tv_nsec = UTIME_NOW; else if (valid & FUSE_SET_ATTR_ATIME) t[0] = a->st_atim;
        if (valid & FUSE_SET_ATTR_MTIME_NOW) t[1].tv_nsec = UTIME_NOW; else if (valid & FUSE_SET_ATTR_MTIME) t[1] = a->st_mtim;
        e = utimensat(AT_FDCWD, path, t, 0);
    }
    struct stat st;
    if (e || fstatat(N(i)->fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) fuse_reply_err(r, errno);
    else fuse_reply_attr(r, &st, cache_s);
}
static void op_readlink(fuse_req_t r, fuse_ino_t i) {
    meta(READLINK);
    char b[4097]; ssize_t k = readlinkat(N(i)->fd, "", b, 4096);
    if (k < 0) fuse_reply_err(r, errno); else { b[k] = 0; fuse_reply_readlink(r, b); }
}
static void op_mknod(fuse_req_t r, fuse_ino_t p, const char *n, mode_t m, dev_t d) {
    meta(MKNOD);
    if (mknodat(N(p)->fd, n, m, d)) fuse_reply_err(r, errno); else reply_entry(r, p, n);
}
static void op_mkdir(fuse_req_t r, fuse_ino_t p, const char *n, mode_t m) {
    meta(MKDIR);
    if (mkdirat(N(p)->fd, n, m)) fuse_reply_err(r, errno); else reply_entry(r, p, n);
}
static void op_symlink(fuse_req_t r, const char *l, fuse_ino_t p, const char *n) {
    meta(SYMLINK);
    if (symlinkat(l, N(p)->fd, n)) fuse_reply_err(r, errno); else reply_entry(r, p, n);
}
static void op_link(fuse_req_t r, fuse_ino_t i, fuse_ino_t p, const char *n) {
    meta(LINK);
    char path[64]; proc(N(i), path);
    if (linkat(AT_FDCWD, path, N(p)->fd, n, AT_SYMLINK_FOLLOW)) fuse_reply_err(r, errno); else reply_entry(r, p, n);
}
static void op_unlink(fuse_req_t r, fuse_ino_t p, const char *n) { meta(UNLINK); fuse_reply_err(r, unlinkat(N(p)->fd, n, 0) ? errno : 0); }
static void op_rmdir(fuse_req_t r, fuse_ino_t p, const char *n) { meta(RMDIR); fuse_reply_err(r, unlinkat(N(p)->fd, n, AT_REMOVEDIR) ? errno : 0); }
static void op_rename(fuse_req_t r, fuse_ino_t p, const char *n, fuse_ino_t q, const char *m, unsigned f) {
    meta(RENAME); fuse_reply_err(r, renameat2(N(p)->fd, n, N(q)->fd, m, f) ? errno : 0);
}
static void op_open(fuse_req_t r, fuse_ino_t i, struct fuse_file_info *fi) {
    /* Without O_LARGEFILE: FUSE's own, for FS_IOC_GETFLAGS, which NFS and CephFS refuse locally. */
    if (fi->flags & 0100000) meta(OPEN); else count(KOPEN);
    char path[64]; proc(N(i), path);
    int fd = open(path, (fi->flags & ~(O_NOFOLLOW | O_CREAT | O_EXCL | O_NOCTTY)) | O_CLOEXEC);
    if (fd < 0) { fuse_reply_err(r, errno); return; }
    fi->fh = fd; fi->keep_cache = 1; fi->noflush = 1;
    fuse_reply_open(r, fi);
}
static void op_create(fuse_req_t r, fuse_ino_t p, const char *n, mode_t m, struct fuse_file_info *fi) {
    meta(CREATE);
    int fd = openat(N(p)->fd, n, (fi->flags & ~O_NOFOLLOW) | O_CREAT | O_CLOEXEC, m);
    if (fd < 0) { fuse_reply_err(r, errno); return; }
    struct fuse_entry_param e;
    int err = entry_of(N(p), n, &e);
    if (err) { close(fd); fuse_reply_err(r, err); return; }
    fi->fh = fd; fi->keep_cache = 1; fi->noflush = 1;
    fuse_reply_create(r, &e, fi);
}
static void op_release(fuse_req_t r, fuse_ino_t i, struct fuse_file_info *fi) { count(RELEASE); close(fi->fh); fuse_reply_err(r, 0); }
static void op_read(fuse_req_t r, fuse_ino_t i, size_t size, off_t off, struct fuse_file_info *fi) {
    data(READ);
    char *b = malloc(size);
    ssize_t k = pread(fi->fh, b, size, off);
    if (k < 0) fuse_reply_err(r, errno); else fuse_reply_buf(r, b, k);
    free(b);
}
static void op_write(fuse_req_t r, fuse_ino_t i, const char *b, size_t size, off_t off, struct fuse_file_info *fi) {
    data(WRITE);
    ssize_t k = pwrite(fi->fh, b, size, off);
    if (k < 0) fuse_reply_err(r, errno); else fuse_reply_write(r, k);
}
static void op_lseek(fuse_req_t r, fuse_ino_t i, off_t off, int wh, struct fuse_file_info *fi) {
    data(LSEEK);
    off_t k = lseek(fi->fh, off, wh);
    if (k < 0) fuse_reply_err(r, errno); else fuse_reply_lseek(r, k);
}
static void op_fsync(fuse_req_t r, fuse_ino_t i, int ds, struct fuse_file_info *fi) { data(FSYNC); fuse_reply_err(r, fsync(fi->fh) ? errno : 0); }

/* Directories: NFS brings several hundred entries in one READDIR; so a sleep per 256 of them. */
struct dir { DIR *d; long seen; struct dirent *left; off_t at; pthread_mutex_t m; };
static void op_opendir(fuse_req_t r, fuse_ino_t i, struct fuse_file_info *fi) {
    count(OPENDIR);    /* local in NFS and CephFS, but for a revalidation */
    struct dir *d = calloc(1, sizeof *d);
    int fd = openat(N(i)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) { fuse_reply_err(r, errno); free(d); return; }
    d->d = fdopendir(fd);
    pthread_mutex_init(&d->m, NULL);
    fi->fh = (uintptr_t)d;
    fuse_reply_open(r, fi);
}
static void readdir_any(fuse_req_t r, fuse_ino_t i, size_t size, off_t off, struct fuse_file_info *fi, int plus) {
    struct dir *d = (struct dir *)(uintptr_t)fi->fh;
    pthread_mutex_lock(&d->m);
    if (off != d->at) { seekdir(d->d, off); d->left = NULL; d->at = off; if (!off) d->seen = 0; }
    if (!off) d->seen = 0;
    char *b = malloc(size), *p = b;
    size_t rest = size;
    for (;;) {
        if (!d->left) { errno = 0; d->left = readdir(d->d); if (!d->left) break; }
        if (d->seen % 256 == 0) meta(READDIR);
        size_t used;
        off_t next = d->left->d_off;
        if (plus) {
            struct fuse_entry_param e;
            memset(&e, 0, sizeof e);
            int dot = !strcmp(d->left->d_name, ".") || !strcmp(d->left->d_name, "..");
            if (dot) { e.attr.st_ino = d->left->d_ino; e.attr.st_mode = d->left->d_type << 12; }
            else if (entry_of(N(i), d->left->d_name, &e)) { d->left = NULL; d->at = next; continue; }
            used = fuse_add_direntry_plus(r, p, rest, d->left->d_name, &e, next);
            if (used > rest) { if (!dot) drop(e.ino, 1); break; }
        } else {
            struct stat st = { .st_ino = d->left->d_ino, .st_mode = d->left->d_type << 12 };
            used = fuse_add_direntry(r, p, rest, d->left->d_name, &st, next);
            if (used > rest) break;
        }
        p += used; rest -= used; d->left = NULL; d->at = next; d->seen++;
    }
    pthread_mutex_unlock(&d->m);
    fuse_reply_buf(r, b, size - rest);
    free(b);
}
static void op_readdir(fuse_req_t r, fuse_ino_t i, size_t s, off_t o, struct fuse_file_info *fi) { readdir_any(r, i, s, o, fi, 0); }
static void op_readdirplus(fuse_req_t r, fuse_ino_t i, size_t s, off_t o, struct fuse_file_info *fi) { readdir_any(r, i, s, o, fi, 1); }
static void op_releasedir(fuse_req_t r, fuse_ino_t i, struct fuse_file_info *fi) {
    struct dir *d = (struct dir *)(uintptr_t)fi->fh; closedir(d->d); free(d); fuse_reply_err(r, 0);
}
static void op_fsyncdir(fuse_req_t r, fuse_ino_t i, int ds, struct fuse_file_info *fi) { data(FSYNC); fuse_reply_err(r, 0); }
static void op_statfs(fuse_req_t r, fuse_ino_t i) {
    meta(STATFS); struct statvfs s;
    if (fstatvfs(root.fd, &s)) fuse_reply_err(r, errno); else fuse_reply_statfs(r, &s);
}
static void op_getxattr(fuse_req_t r, fuse_ino_t i, const char *n, size_t size) {
    if (!strcmp(n, "security.capability")) count(SECCAP); else xat(GETXATTR);
    char path[64], *b = malloc(size + 1); proc(N(i), path);
    ssize_t k = getxattr(path, n, b, size);
    if (k < 0) fuse_reply_err(r, errno); else if (size) fuse_reply_buf(r, b, k); else fuse_reply_xattr(r, k);
    free(b);
}
static void op_listxattr(fuse_req_t r, fuse_ino_t i, size_t size) {
    xat(LISTXATTR);
    char path[64], *b = malloc(size + 1); proc(N(i), path);
    ssize_t k = listxattr(path, b, size);
    if (k < 0) fuse_reply_err(r, errno); else if (size) fuse_reply_buf(r, b, k); else fuse_reply_xattr(r, k);
    free(b);
}
static void op_setxattr(fuse_req_t r, fuse_ino_t i, const char *n, const char *v, size_t s, int f) {
    xat(SETXATTR); char path[64]; proc(N(i), path); fuse_reply_err(r, setxattr(path, n, v, s, f) ? errno : 0);
}
static void op_removexattr(fuse_req_t r, fuse_ino_t i, const char *n) {
    xat(REMOVEXATTR); char path[64]; proc(N(i), path); fuse_reply_err(r, removexattr(path, n) ? errno : 0);
}
static void op_ioctl(fuse_req_t r, fuse_ino_t i, unsigned c, void *a, struct fuse_file_info *fi, unsigned f, const void *in, size_t isz, size_t osz) {
    count(IOCTL); fuse_reply_err(r, ENOTTY);   /* NFS and CephFS refuse it on the client */
}
static void op_init(void *u, struct fuse_conn_info *c) {
    c->want |= c->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO
        | FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_DONT_MASK | FUSE_CAP_HANDLE_KILLPRIV | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_IOCTL_DIR);
    c->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS);
    c->max_background = 512; c->congestion_threshold = 500;
}
static const struct fuse_lowlevel_ops ops = {
    .init = op_init, .lookup = op_lookup, .forget = op_forget, .forget_multi = op_forget_multi, .getattr = op_getattr,
    .setattr = op_setattr, .readlink = op_readlink, .mknod = op_mknod, .mkdir = op_mkdir, .symlink = op_symlink,
    .link = op_link, .unlink = op_unlink, .rmdir = op_rmdir, .rename = op_rename, .open = op_open, .create = op_create,
    .release = op_release, .read = op_read, .write = op_write, .lseek = op_lseek, .fsync = op_fsync, .opendir = op_opendir,
    .readdir = op_readdir, .readdirplus = op_readdirplus, .releasedir = op_releasedir, .fsyncdir = op_fsyncdir,
    .statfs = op_statfs, .getxattr = op_getxattr, .listxattr = op_listxattr, .setxattr = op_setxattr,
    .removexattr = op_removexattr, .ioctl = op_ioctl };

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    cache_s = atof(argv[4]);
    umask(0);
    struct rlimit l = { 1048576, 1048576 };
    (void)!setrlimit(RLIMIT_NOFILE, &l);
    int c = open(argv[3], O_RDWR | O_CREAT, 0600);
    if (ftruncate(c, 4096)) return 1;
    ctl = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c, 0);
    for (int i = 0; i < 256; i++) pthread_mutex_init(&locks[i], NULL);
    root.fd = open(argv[1], O_PATH); root.refs = 2;
    struct stat st; fstat(root.fd, &st); root.dev = st.st_dev; root.ino = st.st_ino;
    char *av[] = { "latfs", "-o", "fsname=latfs,allow_other,suid,dev" };
    struct fuse_args args = FUSE_ARGS_INIT(3, av);
    struct fuse_session *se = fuse_session_new(&args, &ops, sizeof ops, NULL);
    if (!se || fuse_session_mount(se, argv[2])) return 1;
    struct fuse_loop_config *cfg = fuse_loop_cfg_create();
    fuse_loop_cfg_set_clone_fd(cfg, 0);
    int threads = atoi(argv[5]);
    fuse_loop_cfg_set_max_threads(cfg, threads);
    fuse_loop_cfg_set_idle_threads(cfg, threads);
    fuse_session_loop_mt(se, cfg);
    fuse_session_unmount(se);
    fuse_session_destroy(se);
    return 0;
}
