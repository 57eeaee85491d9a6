#include "protocol/binary_request.h"

#include "protocol/request_envelope.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace einfer::protocol {

BinaryRequestParser::BinaryRequestParser(std::uint64_t header_bytes, std::size_t max_payload_bytes, PayloadSink& sink)
    : max_payload_bytes_(max_payload_bytes), sink_(sink), reader_(envelope_limits), body_(header_bytes, *this) {}

void BinaryRequestParser::header_end() {
    const auto document = reader_.finish();
    request_ = read_envelope(document, Schema::InferRequestBinary);
    if (!*request_) return;
    InferRequest& request = **request_;
    std::vector<std::uint64_t> sizes;
    bool too_long = false;
    for (const boost::json::value& input : document->at("inputs").get_array()) {
        const auto size = binary_data_size(input);
        if (!size && !request.payloads_fault)
            request.payloads_fault = bad_binary_data_size("input", std::to_string(sizes.size()));
        sizes.push_back(size.value_or(0));
        Payload& payload = request.payloads.emplace_back();
        payload.bytes = sizes.back();
        if (payload.bytes > max_payload_bytes_ && !too_long)
            payload.fault =
                Error{ErrorCode::PayloadTooLarge, "a payload is longer than any model's largest ciphertext"};
        too_long = too_long || payload.bytes > max_payload_bytes_;
    }
    body_.expect(std::move(sizes), !too_long && !request.payloads_fault);
}

void BinaryRequestParser::piece_bytes(std::string_view bytes) {
    sink_.input_bytes({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::size_t BinaryRequestParser::envelope_memory() const {
    const std::size_t payloads = request_ && *request_ ? (*request_)->payloads.capacity() : 0;
    return reader_.memory() + body_.memory() + payloads * sizeof(Payload);
}

Result<InferRequest> BinaryRequestParser::finish() {
    if (const auto ended = body_.finish(); !ended) return ended.error();
    Result<InferRequest> request = *std::move(request_);
    if (request && !request->payloads_fault)
        if (const auto whole = body_.check_length(); !whole) request->payloads_fault = whole.error();
    return request;
}

}  // namespace einfer::protocol
