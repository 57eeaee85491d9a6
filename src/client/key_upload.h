// Evaluation keys on their way to the server.
#pragma once

#include "client/failure.h"
#include "client/request_body.h"
#include "keys/session.h"
#include "protocol/model_view.h"

#include <string>
#include <string_view>

namespace einfer::client {

/// The body of POST /keys, binary.
struct KeyUpload {
    TextBuffer body;
    std::size_t header_bytes = 0;
};

/// What the model needs and nothing else. BadReply when that is more than 1 GiB or not of the size that the model says,
/// before any key is made; Crypto when SEAL cannot make them.
[[nodiscard]] Outcome<KeyUpload> make_key_upload(keys::Session& session, const protocol::ModelView& model);

/// The id in the reply. BadReply when there is none.
[[nodiscard]] Outcome<std::string> read_key_id(std::string_view body);

}  // namespace einfer::client
