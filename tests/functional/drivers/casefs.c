/* SPDX-License-Identifier: Apache-2.0
 *
 * casefs BACKING MOUNTPOINT [still] [hide] [narrow] [twice=NAME]
 *
 * A file system for tests, in the foreground: BACKING, with names that are
 * kept as they are written, and looked up whatever their case and Unicode
 * normalisation, as on SMB, a casefold ext4 or HFS+.
 *
 *   still       a rename that changes a name's case alone does nothing and
 *               succeeds, as on ext4
 *   hide        what is removed while it is open is there under another name
 *   narrow      no name may have more than 100 bytes, or a colon, or be no
 *               UTF-8
 *   twice=NAME  listings have NAME twice
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#define LONG 4096

static int root;
static int still;
static int hide;
static int narrow;
static const char *twice;

/* Composed letters, the plain one and the accent. */
static const wchar_t ACCENTS[][3] = {
    {0xe0, 'a', 0x300}, {0xe1, 'a', 0x301}, {0xe4, 'a', 0x308},
    {0xe5, 'a', 0x30a}, {0xe8, 'e', 0x300}, {0xe9, 'e', 0x301},
    {0xf1, 'n', 0x303}, {0xf6, 'o', 0x308}, {0xfc, 'u', 0x308},
    {0x439, 0x438, 0x306},
};

static void fold(const char *name, wchar_t *out)
{
    wchar_t wide[NAME_MAX + 1];
    size_t count = mbstowcs(wide, name, NAME_MAX);

    if (count == (size_t)-1) {      /* not UTF-8: byte by byte */
        while (*name)
            *out++ = 0x110000 + (unsigned char)*name++;
        *out = 0;
        return;
    }
    for (size_t at = 0; at < count; at++) {
        wchar_t letter = towlower(wide[at]);
        size_t number, many = sizeof(ACCENTS) / sizeof(*ACCENTS);

        for (number = 0; number < many; number++)
            if (ACCENTS[number][0] == letter)
                break;
        if (number < many) {
            *out++ = ACCENTS[number][1];
            *out++ = ACCENTS[number][2];
        } else {
            *out++ = letter;
        }
    }
    *out = 0;
}

static int alike(const char *one, const char *other)
{
    wchar_t first[2 * NAME_MAX + 2], second[2 * NAME_MAX + 2];

    fold(one, first);
    fold(other, second);
    return !wcscmp(first, second);
}

/* How a directory spells a name; the name itself if it is not there. */
static void spell(int directory, const char *name, char *out)
{
    struct stat st;
    struct dirent *entry;
    DIR *list;
    int fd;

    strcpy(out, name);
    if (!fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW))
        return;
    fd = openat(directory, ".", O_RDONLY | O_DIRECTORY);
    list = fd < 0 ? NULL : fdopendir(fd);
    if (!list)
        return;
    while ((entry = readdir(list)))
        if (alike(entry->d_name, name)) {
            strcpy(out, entry->d_name);
            break;
        }
    closedir(list);
}

/* The directory that a path is in (to be closed), and its last component as
 * it is spelt there. */
static int find(const char *path, char *name)
{
    int fd = dup(root);
    char part[NAME_MAX + 1];

    path++;
    while (fd >= 0) {
        size_t length = strcspn(path, "/");
        int next;

        if (length > NAME_MAX) {
            close(fd);
            return -ENAMETOOLONG;
        }
        memcpy(part, path, length);
        part[length] = 0;
        if (narrow) {
            int code = length > 100 ? ENAMETOOLONG :
                strchr(part, ':') ? EINVAL :
                mbstowcs(NULL, part, 0) == (size_t)-1 ? EILSEQ : 0;

            if (code) {
                close(fd);
                return -code;
            }
        }
        if (length)
            spell(fd, part, name);
        else
            strcpy(name, ".");
        if (!path[length])
            return fd;
        next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        close(fd);
        fd = next;
        path += length + 1;
    }
    return -errno;
}

#define AT(path) \
    char name[NAME_MAX + 1]; \
    int fd = find(path, name), done; \
    if (fd < 0) \
        return fd

#define END \
    done = done < 0 ? -errno : done; \
    close(fd); \
    return done

static void *cs_init(struct fuse_conn_info *conn, struct fuse_config *cfg)
{
    (void)conn;
    cfg->use_ino = 1;
    cfg->hard_remove = !hide;
    cfg->entry_timeout = cfg->negative_timeout = cfg->attr_timeout = 0;
    return NULL;
}

static int cs_getattr(const char *path, struct stat *st,
                      struct fuse_file_info *fi)
{
    if (fi)
        return fstat(fi->fh, st) ? -errno : 0;
    AT(path);
    done = fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW);
    END;
}

static int cs_readlink(const char *path, char *out, size_t size)
{
    AT(path);
    done = readlinkat(fd, name, out, size - 1);
    if (done >= 0) {
        out[done] = 0;
        done = 0;
    }
    END;
}

static int exists(int fd, const char *name)
{
    struct stat st;

    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
        return 0;
    errno = EEXIST;
    return 1;
}

static int cs_mknod(const char *path, mode_t mode, dev_t device)
{
    AT(path);
    done = exists(fd, name) ? -1 : mknodat(fd, name, mode, device);
    END;
}

static int cs_mkdir(const char *path, mode_t mode)
{
    AT(path);
    done = mkdirat(fd, name, mode);
    END;
}

static int cs_unlink(const char *path)
{
    AT(path);
    done = unlinkat(fd, name, 0);
    END;
}

static int cs_rmdir(const char *path)
{
    AT(path);
    done = unlinkat(fd, name, AT_REMOVEDIR);
    END;
}

static int cs_symlink(const char *to, const char *path)
{
    AT(path);
    done = symlinkat(to, fd, name);
    END;
}

static int cs_rename(const char *from, const char *to, unsigned int flags)
{
    char final[NAME_MAX + 1];
    const char *last = strrchr(to, '/') + 1;
    struct stat one, other;
    int there;
    AT(from);

    there = find(to, final);
    if (there < 0) {
        close(fd);
        return there;
    }
    fstat(fd, &one);
    fstat(there, &other);
    if (one.st_ino == other.st_ino && alike(name, last)) {
        done = still ? 0 : renameat2(fd, name, there, last, flags);
    } else {
        /* What is there already keeps its spelling. */
        done = renameat2(fd, name, there, final, flags);
    }
    done = done < 0 ? -errno : done;
    close(there);
    close(fd);
    return done;
}

static int cs_link(const char *from, const char *to)
{
    char final[NAME_MAX + 1];
    int there;
    AT(from);

    there = find(to, final);
    if (there < 0) {
        close(fd);
        return there;
    }
    done = linkat(fd, name, there, final, 0);
    done = done < 0 ? -errno : done;
    close(there);
    close(fd);
    return done;
}

static int cs_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
    if (fi)
        return fchmod(fi->fh, mode) ? -errno : 0;
    AT(path);
    done = fchmodat(fd, name, mode, 0);
    END;
}

static int cs_chown(const char *path, uid_t uid, gid_t gid,
                    struct fuse_file_info *fi)
{
    if (fi)
        return fchown(fi->fh, uid, gid) ? -errno : 0;
    AT(path);
    done = fchownat(fd, name, uid, gid, AT_SYMLINK_NOFOLLOW);
    END;
}

static int cs_truncate(const char *path, off_t size,
                       struct fuse_file_info *fi)
{
    int one;

    if (fi)
        return ftruncate(fi->fh, size) ? -errno : 0;
    AT(path);
    one = openat(fd, name, O_WRONLY | O_NOFOLLOW);
    done = one < 0 ? -1 : ftruncate(one, size);
    if (one >= 0)
        close(one);
    END;
}

static int cs_open(const char *path, struct fuse_file_info *fi)
{
    AT(path);
    done = openat(fd, name, fi->flags & ~(O_APPEND | O_TRUNC));
    if (done >= 0) {
        fi->fh = done;
        done = 0;
    }
    END;
}

static int cs_create(const char *path, mode_t mode,
                     struct fuse_file_info *fi)
{
    AT(path);
    done = openat(fd, name, fi->flags & ~O_APPEND, mode);
    if (done >= 0) {
        fi->fh = done;
        done = 0;
    }
    END;
}

static int cs_read(const char *path, char *out, size_t size, off_t at,
                   struct fuse_file_info *fi)
{
    ssize_t done = pread(fi->fh, out, size, at);

    (void)path;
    return done < 0 ? -errno : done;
}

static int cs_write(const char *path, const char *data, size_t size,
                    off_t at, struct fuse_file_info *fi)
{
    ssize_t done = pwrite(fi->fh, data, size, at);

    (void)path;
    return done < 0 ? -errno : done;
}

static int cs_statfs(const char *path, struct statvfs *st)
{
    (void)path;
    return fstatvfs(root, st) ? -errno : 0;
}

static int cs_release(const char *path, struct fuse_file_info *fi)
{
    (void)path;
    close(fi->fh);
    return 0;
}

static int cs_fsync(const char *path, int data, struct fuse_file_info *fi)
{
    (void)path;
    (void)data;
    return fsync(fi->fh) ? -errno : 0;
}

static int cs_opendir(const char *path, struct fuse_file_info *fi)
{
    AT(path);
    done = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (done >= 0) {
        fi->fh = done;
        done = 0;
    }
    END;
}

static int cs_readdir(const char *path, void *out, fuse_fill_dir_t fill,
                      off_t offset, struct fuse_file_info *fi,
                      enum fuse_readdir_flags flags)
{
    int fd = openat(fi->fh, ".", O_RDONLY | O_DIRECTORY);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    (void)path;
    (void)offset;
    (void)flags;
    if (!list)
        return -errno;
    while ((entry = readdir(list))) {
        struct stat st = {.st_ino = entry->d_ino,
                          .st_mode = entry->d_type << 12};

        fill(out, entry->d_name, &st, 0, 0);
        if (twice && !strcmp(twice, entry->d_name))
            fill(out, entry->d_name, &st, 0, 0);
    }
    closedir(list);
    return 0;
}

/* The calls for attributes want a path. */
static void shown(int fd, const char *name, char *out)
{
    snprintf(out, LONG, "/proc/self/fd/%d/%s", fd, name);
}

static int cs_setxattr(const char *path, const char *key, const char *value,
                       size_t size, int flags)
{
    char at[LONG];
    AT(path);
    shown(fd, name, at);
    done = lsetxattr(at, key, value, size, flags);
    END;
}

static int cs_getxattr(const char *path, const char *key, char *value,
                       size_t size)
{
    char at[LONG];
    AT(path);
    shown(fd, name, at);
    done = lgetxattr(at, key, value, size);
    END;
}

static int cs_listxattr(const char *path, char *list, size_t size)
{
    char at[LONG];
    AT(path);
    shown(fd, name, at);
    done = llistxattr(at, list, size);
    END;
}

static int cs_removexattr(const char *path, const char *key)
{
    char at[LONG];
    AT(path);
    shown(fd, name, at);
    done = lremovexattr(at, key);
    END;
}

static int cs_utimens(const char *path, const struct timespec times[2],
                      struct fuse_file_info *fi)
{
    if (fi)
        return futimens(fi->fh, times) ? -errno : 0;
    AT(path);
    done = utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW);
    END;
}

static int cs_fallocate(const char *path, int mode, off_t at, off_t size,
                        struct fuse_file_info *fi)
{
    (void)path;
    return fallocate(fi->fh, mode, at, size) ? -errno : 0;
}

static off_t cs_lseek(const char *path, off_t at, int whence,
                      struct fuse_file_info *fi)
{
    off_t done = lseek(fi->fh, at, whence);

    (void)path;
    return done < 0 ? -errno : done;
}

static const struct fuse_operations OPERATIONS = {
    .init = cs_init, .getattr = cs_getattr, .readlink = cs_readlink,
    .mknod = cs_mknod, .mkdir = cs_mkdir, .unlink = cs_unlink,
    .rmdir = cs_rmdir, .symlink = cs_symlink, .rename = cs_rename,
    .link = cs_link, .chmod = cs_chmod, .chown = cs_chown,
    .truncate = cs_truncate, .open = cs_open, .create = cs_create,
    .read = cs_read, .write = cs_write, .statfs = cs_statfs,
    .release = cs_release, .fsync = cs_fsync, .opendir = cs_opendir,
    .readdir = cs_readdir, .releasedir = cs_release,
    .setxattr = cs_setxattr, .getxattr = cs_getxattr,
    .listxattr = cs_listxattr, .removexattr = cs_removexattr,
    .utimens = cs_utimens, .fallocate = cs_fallocate, .lseek = cs_lseek,
};

int main(int argc, char **argv)
{
    char *args[] = {argv[0], "-f", "-s", "-o", "dev,suid", argv[2], NULL};

    if (argc < 3 || !setlocale(LC_CTYPE, "C.UTF-8"))
        return 2;
    root = open(argv[1], O_RDONLY | O_DIRECTORY);
    if (root < 0)
        return 2;
    for (int at = 3; at < argc; at++) {
        if (!strcmp(argv[at], "still"))
            still = 1;
        else if (!strcmp(argv[at], "hide"))
            hide = 1;
        else if (!strcmp(argv[at], "narrow"))
            narrow = 1;
        else if (!strncmp(argv[at], "twice=", 6))
            twice = argv[at] + 6;
        else
            return 2;
    }
    umask(0);
    return fuse_main(6, args, &OPERATIONS, NULL);
}
