/* preload_disk.c: a disk that forgets what was not synced: a layer under any process, by LD_PRELOAD.
 *
 *   LD_PRELOAD=…/preload_disk.so MYL_DISK_JOURNAL=/tmp/journal [MYL_DISK_FILE=store.mdb] program …
 *   MYL_DISK_KILL_AT=N: the process kills itself at its Nth write or sync of the file, when that is done.
 *   MYL_DISK_LIES=1: a disk that says "synced" and is not, to show that the tests would notice.
 *
 * Why:     kill -9 loses nothing that was written, for the kernel has it; only power loss shows a missing sync.
 *          Before each write to the data file its old bytes go to the journal; a sync empties the journal. After
 *          a kill disk.py puts the old bytes back, as if the machine had lost power at that moment.
 * Threads: any; one lock, so that the journal has the order of the writes.
 * Holds:   one process follows one file, told by the last part of its path. A write through an O_DSYNC or O_SYNC
 *          descriptor is durable when it returns, alone: earlier writes through other descriptors still wait for
 *          their sync. Not seen: writes through a mapping, and descriptors copied by dup or fcntl (LMDB does
 *          neither).
 *
 * Journal: records of `record` and `length` bytes after it. FILE gives the path; WRITE holds what stood where a write
 * went; DURABLE says that the write before it cannot be lost.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define DESCRIPTORS 4096
#define MAGIC 0x6b736964u
#define CUT_SPAN ((uint64_t)1 << 62) /* of a truncation */

enum { RECORD_FILE = 1, RECORD_WRITE = 2, RECORD_DURABLE = 3 };

typedef struct {
    uint32_t magic;
    uint32_t kind;
    uint64_t offset; /* of the write */
    uint64_t span;   /* bytes written */
    uint64_t size;   /* of the file before the write */
    uint64_t
        length; /* bytes that follow: the path, or the old content, shorter where the file ended */
} record;

static struct {
    bool followed;
    bool durable; /* opened with O_DSYNC or O_SYNC */
} descriptors[DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *wanted_name = "store.mdb";
static char *followed_path;
static bool named;   /* the path stands in the journal */
static bool waiting; /* something in the journal is not synced */
static bool lies;    /* no sync counts */
static uint64_t kill_at;
static uint64_t calls; /* writes and syncs so far */

static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_pwritev2)(int, const struct iovec *, int, off_t, int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static void (*real_sync)(void);

static void give_up(const char *why)
{
    fprintf(stderr, "preload_disk: %s: %s\n", why, strerror(errno));
    abort();
}

static void find_real(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        give_up(name);
    memcpy(function, &found, sizeof(found)); /* ISO C has no cast from an object to a function */
}

static void prepare(void)
{
    static bool done;
    if (done)
        return;
    done = true;
    find_real("openat", &real_openat);
    find_real("close", &real_close);
    find_real("write", &real_write);
    find_real("writev", &real_writev);
    find_real("pwrite", &real_pwrite);
    find_real("pwritev", &real_pwritev);
    find_real("pwritev2", &real_pwritev2);
    find_real("ftruncate", &real_ftruncate);
    find_real("fsync", &real_fsync);
    find_real("fdatasync", &real_fdatasync);
    find_real("sync", &real_sync);
}

__attribute__((constructor)) static void start(void)
{
    prepare();
    const char *path = getenv("MYL_DISK_JOURNAL");
    if (path == NULL)
        return;
    lies = getenv("MYL_DISK_LIES") != NULL;
    if (getenv("MYL_DISK_KILL_AT") != NULL)
        kill_at = strtoull(getenv("MYL_DISK_KILL_AT"), NULL, 10);
    if (getenv("MYL_DISK_FILE") != NULL)
        wanted_name = getenv("MYL_DISK_FILE");
    struct stat about;
    journal = real_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0 || fstat(journal, &about) != 0)
        give_up(path);
    /* What a former process left unsynced can still be lost. */
    waiting = about.st_size > 0;
}

/* ---- the journal; the lock is held ---- */

static void journal_add(const record *head, const void *bytes)
{
    struct iovec parts[2] = {{(void *)(uintptr_t)head, sizeof(*head)},
                             {(void *)(uintptr_t)bytes, head->length}};
    size_t whole = sizeof(*head) + head->length;
    if (real_writev(journal, parts, head->length > 0 ? 2 : 1) != (ssize_t)whole)
        give_up("the journal cannot be written");
}

static void journal_path(void)
{
    record head = {.magic = MAGIC, .kind = RECORD_FILE, .length = strlen(followed_path)};
    if (!named)
        journal_add(&head, followed_path);
    named = true;
}

/* What stands in [offset, offset + span), before it is overwritten or cut off. */
static void journal_old(uint64_t offset, uint64_t span)
{
    struct stat about;
    /* LMDB's second descriptor is for writing only, so the old bytes are read through another one. */
    int reader = real_openat(AT_FDCWD, followed_path, O_RDONLY | O_CLOEXEC);
    if (reader < 0 || fstat(reader, &about) != 0)
        give_up(followed_path);
    uint64_t size = (uint64_t)about.st_size;
    uint64_t there = offset >= size ? 0 : size - offset < span ? size - offset : span;
    char *old = malloc(there + 1);
    if (old == NULL || pread(reader, old, there, (off_t)offset) != (ssize_t)there)
        give_up("old content cannot be read");
    real_close(reader);
    record head = {.magic = MAGIC,
                   .kind = RECORD_WRITE,
                   .offset = offset,
                   .span = span,
                   .size = size,
                   .length = there};
    journal_path();
    journal_add(&head, old);
    free(old);
    waiting = true;
}

/* Nothing written before can be lost any more. */
static void journal_empty(void)
{
    if (real_ftruncate(journal, 0) != 0)
        give_up("the journal cannot be emptied");
    named = false;
    waiting = false;
}

/* ---- descriptors ---- */

static bool is_wanted(const char *path)
{
    const char *name = strrchr(path, '/');
    return journal >= 0 && strcmp(name == NULL ? path : name + 1, wanted_name) == 0;
}

static void opened(int fd, const char *path, int flags)
{
    if (fd < 0 || fd >= DESCRIPTORS)
        return;
    pthread_mutex_lock(&lock);
    descriptors[fd].followed = is_wanted(path);
    descriptors[fd].durable = (flags & O_DSYNC) != 0 && !lies; /* a part of O_SYNC's bits */
    if (descriptors[fd].followed && followed_path == NULL)
        followed_path = realpath(path, NULL);
    if (descriptors[fd].followed && followed_path == NULL)
        give_up(path);
    pthread_mutex_unlock(&lock);
}

static bool followed(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && descriptors[fd].followed;
}

/* ---- the calls ---- */

/* After each call on the file, before it returns; the lock is held. */
static void count_call(void)
{
    if (++calls == kill_at)
        (void)kill(getpid(), SIGKILL);
}

/* A write is about to happen; the lock is held until write_ends. False: not our file, no lock. */
static bool write_begins(int fd, off_t offset, uint64_t span)
{
    if (!followed(fd))
        return false;
    pthread_mutex_lock(&lock);
    /* With nothing waiting, a durable write cannot be lost and has nothing to be held against. */
    if (waiting || !descriptors[fd].durable)
        journal_old((uint64_t)offset, span);
    return true;
}

static void write_ends(int fd)
{
    record head = {.magic = MAGIC, .kind = RECORD_DURABLE};
    if (descriptors[fd].durable && waiting)
        journal_add(&head, NULL);
    count_call();
    pthread_mutex_unlock(&lock);
}

static uint64_t total(const struct iovec *parts, int count)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++)
        sum += parts[i].iov_len;
    return sum;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    prepare();
    bool ours = write_begins(fd, offset, count);
    ssize_t written = real_pwrite(fd, bytes, count, offset);
    if (ours)
        write_ends(fd);
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t offset)
{
    return pwrite(fd, bytes, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    prepare();
    bool ours = write_begins(fd, offset, total(parts, count));
    ssize_t written = real_pwritev(fd, parts, count, offset);
    if (ours)
        write_ends(fd);
    return written;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t offset)
{
    return pwritev(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    if (flags != 0 && followed(fd))
        give_up("pwritev2 with flags");
    return flags == 0 ? pwritev(fd, parts, count, offset)
                      : real_pwritev2(fd, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
    return pwritev2(fd, parts, count, offset, flags);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    prepare();
    off_t offset = followed(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    bool ours = write_begins(fd, offset, count);
    ssize_t written = real_write(fd, bytes, count);
    if (ours)
        write_ends(fd);
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    prepare();
    off_t offset = followed(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    bool ours = write_begins(fd, offset, total(parts, count));
    ssize_t written = real_writev(fd, parts, count);
    if (ours)
        write_ends(fd);
    return written;
}

int ftruncate(int fd, off_t length)
{
    prepare();
    if (!followed(fd))
        return real_ftruncate(fd, length);
    pthread_mutex_lock(&lock);
    /* From the new end to the old one; nothing, where it grows, but the old size is kept. */
    journal_old((uint64_t)length, CUT_SPAN);
    int rc = real_ftruncate(fd, length);
    count_call();
    pthread_mutex_unlock(&lock);
    return rc;
}

int ftruncate64(int fd, off_t length)
{
    return ftruncate(fd, length);
}

static int synced(int fd, int rc)
{
    if (rc != 0 || !followed(fd))
        return rc;
    pthread_mutex_lock(&lock);
    if (!lies)
        journal_empty();
    count_call();
    pthread_mutex_unlock(&lock);
    return rc;
}

int fsync(int fd)
{
    prepare();
    return synced(fd, real_fsync(fd));
}

int fdatasync(int fd)
{
    prepare();
    return synced(fd, real_fdatasync(fd));
}

void sync(void)
{
    prepare();
    real_sync();
    pthread_mutex_lock(&lock);
    if (journal >= 0)
        journal_empty();
    pthread_mutex_unlock(&lock);
}

int openat(int folder, const char *path, int flags, ...)
{
    prepare();
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode =
        va_arg(arguments, mode_t); /* whatever it is when there is none: then it is not used */
    va_end(arguments);
    int fd = real_openat(folder, path, flags, mode);
    opened(fd, path, flags);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return openat(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return openat(AT_FDCWD, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return openat(folder, path, flags, mode);
}

int close(int fd)
{
    prepare();
    if (followed(fd)) {
        pthread_mutex_lock(&lock);
        descriptors[fd].followed = false;
        pthread_mutex_unlock(&lock);
    }
    return real_close(fd);
}
