// What handlers answer, before it becomes an HTTP message.
#pragma once

#include "base/error.h"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace einfer::server::http {

struct Reply {
    int status = 200;
    std::string body{};
    std::vector<std::pair<std::string, std::string>> headers{};
    std::string code{};  ///< of an error, for the log

    static Reply json(int status, std::string body) { return {.status = status, .body = std::move(body)}; }
    /// A JSON header of so many bytes, and raw bytes behind it.
    static Reply binary(int status, std::string body, std::size_t header_bytes);
    /// The error document with its status, and Retry-After where the code is retryable.
    static Reply error(const Error& error);
};

}  // namespace einfer::server::http
