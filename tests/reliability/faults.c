// Preloaded into the server by faults.py: makes system calls and allocations fail, or the process die at one of them.
// What is to happen is read from a file of 64-bit numbers that the test has mapped as well, so it changes at once.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct Control {                        // faults.py: FIELDS
    _Atomic int64_t disk_errno;         // of writes, syncs and truncations of files below FAULTS_DIRECTORY; 0: none
    _Atomic int64_t disk_kinds;         // SYNC | WRITE: which of them
    _Atomic int64_t disk_failures;      // how many
    _Atomic int64_t kill_after;         // counts down at each call of one of the kinds; at 0 the process is killed
    _Atomic int64_t kill_kinds;         // SYNC | WRITE | SEND
    _Atomic int64_t kill_late;          // when the call has been made
    _Atomic int64_t allocation_period;  // one of so many allocations fails, at random; 0: none
    _Atomic int64_t allocation_least;   // of those that have so many bytes
    _Atomic int64_t allocation_count;   // seeds the choice
    _Atomic int64_t allocation_failures;
    _Atomic int64_t clock_offset_ms;  // of the wall clock
    _Atomic int64_t poison;           // the process is killed when it says that a job of the tenant `poison` starts
};

enum { SYNC = 1, WRITE = 2, SEND = 4 };

static struct Control none;
static struct Control* control = &none;
static char directory[4096];

__attribute__((constructor)) static void map_control(void) {
    const char* path = getenv("FAULTS_CONTROL");
    const char* below = getenv("FAULTS_DIRECTORY");
    if (below != NULL && realpath(below, directory) == NULL) strncpy(directory, below, sizeof directory - 1);
    const int file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) abort();
    void* mapped = mmap(NULL, sizeof(struct Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) abort();
    control = mapped;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int is_last(int kind) {
    return (control->kill_kinds & kind) != 0 && control->kill_after > 0 &&
           atomic_fetch_sub(&control->kill_after, 1) == 1;
}

static int is_below_directory(int file) {
    char link[64], target[4096];
    const int saved = errno;
    char* end = link + sizeof link - 1;
    *end = 0;
    do *--end = (char)('0' + file % 10);
    while ((file /= 10) > 0);
    end -= strlen("/proc/self/fd/");
    memcpy(end, "/proc/self/fd/", strlen("/proc/self/fd/"));
    const ssize_t length = readlink(end, target, sizeof target);
    errno = saved;
    const size_t wanted = strlen(directory);
    return length > (ssize_t)wanted && wanted > 0 && memcmp(target, directory, wanted) == 0 && target[wanted] == '/';
}

static int disk_fails(int kind, int file) {
    const int fault = (int)control->disk_errno;
    if (fault == 0 || (control->disk_kinds & kind) == 0 || file < 0 || !is_below_directory(file)) return 0;
    atomic_fetch_add(&control->disk_failures, 1);
    errno = fault;
    return 1;
}

// `half`: what a torn write leaves behind.
#define DISK_CALL(kind, type, name, parameters, arguments, file, half)              \
    type name parameters {                                                          \
        static type(*real) parameters;                                              \
        if (real == NULL) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);       \
        const int last = is_last(kind);                                             \
        if (last && !control->kill_late) die();                                     \
        type result;                                                                \
        if (disk_fails(kind, file)) {                                               \
            half;                                                                   \
            errno = (int)control->disk_errno != 0 ? (int)control->disk_errno : EIO; \
            result = -1;                                                            \
        } else {                                                                    \
            result = real arguments;                                                \
        }                                                                           \
        if (last) die();                                                            \
        return result;                                                              \
    }

DISK_CALL(SYNC, int, fsync, (int file), (file), file, (void)0)
DISK_CALL(SYNC, int, fdatasync, (int file), (file), file, (void)0)
DISK_CALL(WRITE, int, ftruncate, (int file, off_t size), (file, size), file, (void)0)
DISK_CALL(WRITE, int, ftruncate64, (int file, off64_t size), (file, size), file, (void)0)
DISK_CALL(WRITE, ssize_t, pwrite, (int file, const void* data, size_t size, off_t at), (file, data, size, at), file,
          (void)!real(file, data, size / 2, at))
DISK_CALL(WRITE, ssize_t, pwrite64, (int file, const void* data, size_t size, off64_t at), (file, data, size, at), file,
          (void)!real(file, data, size / 2, at))

ssize_t write(int file, const void* data, size_t size) {
    static ssize_t (*real)(int, const void*, size_t);
    if (real == NULL) real = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
    if (control->poison && memmem(data, size, "\"job_started\"", 13) != NULL &&
        memmem(data, size, "\"poison\"", 8) != NULL)
        die();
    return disk_fails(WRITE, file) ? -1 : real(file, data, size);
}

ssize_t sendmsg(int file, const struct msghdr* message, int flags) {
    static ssize_t (*real)(int, const struct msghdr*, int);
    if (real == NULL) real = (ssize_t(*)(int, const struct msghdr*, int))dlsym(RTLD_NEXT, "sendmsg");
    const int last = is_last(SEND);
    if (last && !control->kill_late) die();
    const ssize_t result = real(file, message, flags);
    if (last) die();
    return result;
}

ssize_t send(int file, const void* data, size_t size, int flags) {
    struct iovec piece = {(void*)data, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return sendmsg(file, &message, flags);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
    static int (*real)(clockid_t, struct timespec*);
    if (real == NULL) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
    const int result = real(clock, time);
    if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += control->clock_offset_ms / 1000;
    return result;
}

// --- Allocations -----------------------------------------------------------------------------------------------------

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

static int allocation_fails(size_t size) {
    const int64_t period = control->allocation_period;
    if (period == 0 || (int64_t)size < control->allocation_least) return 0;
    uint64_t x = (uint64_t)atomic_fetch_add(&control->allocation_count, 1) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    if ((x ^ x >> 31) % (uint64_t)period != 0) return 0;
    atomic_fetch_add(&control->allocation_failures, 1);
    errno = ENOMEM;
    return 1;
}

void* malloc(size_t size) { return allocation_fails(size) ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return allocation_fails(count * size) ? NULL : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return size > 0 && allocation_fails(size) ? NULL : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) {
    return allocation_fails(size) ? NULL : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** made, size_t alignment, size_t size) {
    void* found = memalign(alignment, size);
    if (found == NULL) return ENOMEM;
    *made = found;
    return 0;
}
