#include "protocol/request_envelope.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace einfer::protocol {

namespace json = boost::json;

Result<InferRequest> read_envelope(const Result<json::value>& document, Schema schema) {
    // Without the details: where a fault was noticed depends on how the body arrived, and replies must not.
    if (!document) return Error{document.error().code, document.error().message};
    if (const auto checked = check_schema(schema, *document); !checked) return checked.error();

    const json::object& object = document->get_object();
    InferRequest request;
    if (const json::value* version = object.if_contains("api_version")) {
        const auto parsed = parse_api_version(version->get_string());
        if (!parsed) return parsed.error();
        request.api_version = *parsed;
    }
    request.model_id = object.at("model_id").get_string();
    request.version = object.at("version").get_string();
    if (const json::value* batch_size = object.if_contains("batch_size"))
        request.batch_size = batch_size->to_number<std::uint32_t>();
    if (const json::value* key = object.if_contains("evaluation_key_id")) request.evaluation_key_id = key->get_string();
    if (const json::value* format = object.if_contains("result_format"))
        request.result_format =
            format->get_string() == name(ResultFormat::Compact) ? ResultFormat::Compact : ResultFormat::Seal;
    const json::object& first = object.at("inputs").get_array().front().get_object();
    const json::value* const encoding = first.if_contains("encoding");
    request.encoding =
        encoding == nullptr ? Encoding::Binary : encoding_from(encoding->get_string()).value_or(Encoding::Hex);
    return request;
}

}  // namespace einfer::protocol
