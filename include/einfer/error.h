// The one exception that einfer::Client throws.
#pragma once

#include "einfer/export.h"
#include "einfer/types.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace einfer::inline v1_1 {

/// what() says in one line what is wrong and what to do. It never contains rows, keys or decrypted values; parts that
/// come from the server are free of control characters.
class EINFER_API Error : public std::runtime_error {
public:
    Error(ErrorKind kind, const std::string& message, const std::string& code = {}, int http_status = 0,
          const std::string& request_id = {}, std::optional<std::size_t> row = {});
    Error(const Error&) noexcept;
    Error& operator=(const Error&) noexcept;
    ~Error() override;

    [[nodiscard]] ErrorKind kind() const noexcept;
    /// Refused, JobFailed: the server's error code, e.g. "OVERLOADED"; otherwise, or when it gave none, "".
    [[nodiscard]] const std::string& code() const noexcept;
    /// Refused: the HTTP status; otherwise 0.
    [[nodiscard]] int http_status() const noexcept;
    /// Refused: names the request in the server's log; otherwise "".
    [[nodiscard]] const std::string& request_id() const noexcept;
    /// InvalidArgument about a row: its index from 0. Then what() begins with "row INDEX ".
    [[nodiscard]] std::optional<std::size_t> row() const noexcept;

private:
    struct Details;
    std::shared_ptr<const Details> details_;
};

}  // namespace einfer::inline v1_1
