// What the command's exit status means; --help prints the same.
#pragma once

#include "einfer/types.h"

namespace einfer::cli {

enum ExitCode : int {
    exit_ok = 0,
    exit_internal = 1,
    exit_usage = 2,
    exit_unreachable = 3,
    exit_refused = 4,
    exit_bad_reply = 5,
    exit_job = 6,
    exit_interrupted = 130,
};

[[nodiscard]] constexpr ExitCode exit_code(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::InvalidArgument: return exit_usage;
        case ErrorKind::Connection:
        case ErrorKind::Tls:
        case ErrorKind::Timeout: return exit_unreachable;
        case ErrorKind::Refused: return exit_refused;
        case ErrorKind::BadReply: return exit_bad_reply;
        case ErrorKind::Crypto: return exit_internal;
        case ErrorKind::JobFailed: return exit_job;
    }
    return exit_internal;
}

}  // namespace einfer::cli
