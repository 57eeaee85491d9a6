// Where the API key comes from. Never the command line: other users of the machine can read that.
#pragma once

#include <string>

namespace einfer::cli {

/// What `file` holds, without its last line's end; without a file what EINFER_API_KEY holds, or "". InputError when the
/// file cannot be read, or holds no key or more than one line. Warns on standard error when others may read it. No
/// message shows the key.
[[nodiscard]] std::string read_api_key(const std::string& file);

}  // namespace einfer::cli
