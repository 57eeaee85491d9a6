#include "jobs/answers.h"

#include <new>
#include <utility>

namespace einfer::jobs {

Error internal(const char* message) { return {ErrorCode::Internal, message}; }
Error shutting_down() { return {ErrorCode::ShuttingDown, "the server is shutting down"}; }
Error no_memory() { return {ErrorCode::Overloaded, "out of memory"}; }

Result<Accepted> accepted(Accepted own, Result<SqliteStore::Written> written) {
    try {
        if (!written) return written.error();
    } catch (const std::bad_alloc&) {
        return no_memory();
    }
    if (!written->repeats.empty()) return Accepted{std::move(written->repeats), true};
    return own;
}

Result<void> verdict(const Result<SqliteStore::Written>& written) {
    try {
        if (!written) return written.error();
        return {};
    } catch (const std::bad_alloc&) {
        return no_memory();
    }
}

}  // namespace einfer::jobs
