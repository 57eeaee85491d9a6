// Why a client call failed, inside this layer. The facade turns it into einfer::Error; nothing here throws.
#pragma once

#include "einfer/types.h"

#include <boost/system/result.hpp>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace einfer::client {

struct Failure {
    ErrorKind kind;
    std::string message;
    std::string code{};                ///< Refused, JobFailed: the server's
    int http_status = 0;               ///< Refused
    std::string request_id{};          ///< Refused
    std::optional<std::size_t> row{};  ///< InvalidArgument about a row: its index; the message begins with "row INDEX "
    bool after_connecting = false;     ///< Connection: it was there, and broke
};

template <class T>
using Outcome = boost::system::result<T, Failure>;

/// Found by Boost.System when `.value()` is called on a failed Outcome.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
    throw std::runtime_error(failure.message);
}

[[nodiscard]] inline Failure invalid_argument(std::string message) {
    return {ErrorKind::InvalidArgument, std::move(message)};
}
[[nodiscard]] inline Failure bad_reply(std::string_view what) {
    return {ErrorKind::BadReply, "do not trust this server's reply: " + std::string(what)};
}

/// Text from the server, fit for a terminal: what it would obey or not show (control characters, marks that change the
/// direction of writing, invisible ones) is replaced; at most `max_bytes` of it. `text` is UTF-8.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_bytes = 512);

/// Shortest text that reads back as `value`, without a locale.
[[nodiscard]] std::string to_text(double value);

}  // namespace einfer::client
