// What the callers of the service are told, and that they are told at all. Private to src/jobs.
#pragma once

#include "jobs/job.h"
#include "jobs/sqlite_store.h"

#include <functional>

namespace einfer::jobs {

[[nodiscard]] Error internal(const char* message);
[[nodiscard]] Error shutting_down();
[[nodiscard]] Error no_memory();  ///< takes none to be made

/// What the sender of `own` is told of its write: never nothing, even when there is no memory for the error.
[[nodiscard]] Result<Accepted> accepted(Accepted own, Result<SqliteStore::Written> written);

/// What the sender of an erasure is told, likewise.
[[nodiscard]] Result<void> verdict(const Result<SqliteStore::Written>& written);

/// Tells it. What is on disk is so whether or not its sender could be told: exceptions go no further.
template <class T>
void tell(const std::function<void(Result<T>)>& done, Result<T> result) noexcept try {
    done(std::move(result));
} catch (...) {
}

}  // namespace einfer::jobs
