// A disk that can be told to fail: a VFS between SQLite and the file system.
#pragma once

#include <sqlite3.h>

namespace einfer::jobs::test {

/// While it lives, every database opened in this process is on it. Close them before it goes.
class FaultyDisk {
public:
    FaultyDisk();
    ~FaultyDisk();
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;

    enum class Fault : int {
        None,
        Full,        ///< files cannot grow; what they have can be overwritten
        WriteFails,  ///< every write is an I/O error
        SyncFails,   ///< data is taken, and fsync fails
        ReadFails,
    };
    void set(Fault fault);

private:
    sqlite3_vfs vfs_;
};

}  // namespace einfer::jobs::test
