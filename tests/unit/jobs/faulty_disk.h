// A disk that can be told to fail: a VFS between SQLite and the file system.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <stdexcept>

namespace einfer::jobs::test {

/// While it lives, every database opened in this process is on it. Close them before it goes. One at a time.
class FaultyDisk {
public:
    enum class Fault : int {
        None,
        Full,        ///< files cannot grow; what they have can be overwritten
        WriteFails,  ///< every write is an I/O error
        SyncFails,   ///< data is taken, and fsync fails
        ReadFails,
        SyncHangs,  ///< fsync does not return before the fault is over
    };

    FaultyDisk() : real_(sqlite3_vfs_find(nullptr)), vfs_(*real_) {
        vfs_.zName = "faulty";
        vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
        vfs_.pAppData = real_;
        vfs_.pNext = nullptr;
        vfs_.xOpen = open;
        fault() = Fault::None;
        if (sqlite3_vfs_register(&vfs_, 1) != SQLITE_OK) throw std::runtime_error("no VFS");
    }
    ~FaultyDisk() {
        sqlite3_vfs_unregister(&vfs_);
        sqlite3_vfs_register(real_, 1);
    }
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;

    void set(Fault now) {
        fault() = now;
        fault().notify_all();
    }
    /// Until a sync hangs.
    void wait_until_hanging() { hanging().wait(false); }

private:
    /// What SQLite allocates for a file: this, and the real VFS's own part behind it.
    struct File {
        sqlite3_file base;
        sqlite3_file* real() {
            return static_cast<sqlite3_file*>(
                static_cast<void*>(static_cast<char*>(static_cast<void*>(this)) + sizeof(File)));
        }
    };
    static std::atomic<Fault>& fault() {
        static std::atomic<Fault> current{Fault::None};
        return current;
    }
    static std::atomic<bool>& hanging() {
        static std::atomic<bool> current{false};
        return current;
    }
    static sqlite3_file* real(sqlite3_file* file) { return static_cast<File*>(static_cast<void*>(file))->real(); }

    static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
        auto* underlying = static_cast<sqlite3_vfs*>(vfs->pAppData);
        file->pMethods = nullptr;
        const int code = underlying->xOpen(underlying, name, real(file), flags, out_flags);
        if (real(file)->pMethods != nullptr) file->pMethods = &methods();
        return code;
    }

    static const sqlite3_io_methods& methods() {
        static const sqlite3_io_methods table = [] {
            sqlite3_io_methods m{};
            m.iVersion = 2;  // with shared memory, without memory-mapped reads
            m.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
            m.xRead = [](sqlite3_file* f, void* data, int size, sqlite3_int64 at) -> int {
                if (fault() == Fault::ReadFails) return SQLITE_IOERR_READ;
                return real(f)->pMethods->xRead(real(f), data, size, at);
            };
            m.xWrite = [](sqlite3_file* f, const void* data, int size, sqlite3_int64 at) -> int {
                if (fault() == Fault::WriteFails) return SQLITE_IOERR_WRITE;
                sqlite3_int64 length = 0;
                if (fault() == Fault::Full && real(f)->pMethods->xFileSize(real(f), &length) == SQLITE_OK &&
                    at + size > length)
                    return SQLITE_FULL;
                return real(f)->pMethods->xWrite(real(f), data, size, at);
            };
            m.xSync = [](sqlite3_file* f, int flags) -> int {
                if (fault() == Fault::SyncFails) return SQLITE_IOERR_FSYNC;
                if (fault() == Fault::SyncHangs) {
                    hanging() = true;
                    hanging().notify_all();
                    fault().wait(Fault::SyncHangs);
                    hanging() = false;
                }
                return real(f)->pMethods->xSync(real(f), flags);
            };
            m.xTruncate = [](sqlite3_file* f, sqlite3_int64 n) { return real(f)->pMethods->xTruncate(real(f), n); };
            m.xFileSize = [](sqlite3_file* f, sqlite3_int64* n) { return real(f)->pMethods->xFileSize(real(f), n); };
            m.xLock = [](sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); };
            m.xUnlock = [](sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); };
            m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
                return real(f)->pMethods->xCheckReservedLock(real(f), out);
            };
            m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
                return real(f)->pMethods->xFileControl(real(f), op, arg);
            };
            m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
            m.xDeviceCharacteristics = [](sqlite3_file* f) {
                return real(f)->pMethods->xDeviceCharacteristics(real(f));
            };
            m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
                return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
            };
            m.xShmLock = [](sqlite3_file* f, int at, int n, int flags) {
                return real(f)->pMethods->xShmLock(real(f), at, n, flags);
            };
            m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
            m.xShmUnmap = [](sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); };
            return m;
        }();
        return table;
    }

    sqlite3_vfs* const real_;
    sqlite3_vfs vfs_;
};

}  // namespace einfer::jobs::test
