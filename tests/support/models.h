// Registry entries as text, changed at any place.
#pragma once

#include "support/files.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <string>
#include <string_view>

namespace einfer::test {

/// A small model that every check accepts: N = 4096, two features, linear.
inline constexpr std::string_view small_entry = R"({
  "model_id": "small_v1",
  "version": "1.0.0",
  "description": "For tests.",
  "he_scheme": "CKKS",
  "encryption_parameters": {"poly_modulus_degree": 4096, "scale": 1073741824, "coeff_modulus_bits": [36, 36, 37],
                            "max_multiplicative_depth": 1},
  "inference": {"input_dimension": 2, "output_dimension": 1, "activation": "polynomial_sigmoid_v1"},
  "parameters": {"weights": [0.5, -0.25], "bias": 0.125},
  "activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0.25, 0]},
  "constraints": {"max_batch_size": 8},
  "input_bounds": [4, 4]
})";

/// `text` with the value at the pointer replaced by, or extended with, `value` (a JSON text; "1e400" stays as it is).
[[nodiscard]] inline std::string with(std::string_view text, std::string_view pointer, std::string_view value) {
    constexpr std::string_view mark = "<the value>";
    boost::json::value document = boost::json::parse(text);
    const std::size_t last = pointer.rfind('/');
    boost::json::value& parent = document.at_pointer(pointer.substr(0, last));
    const std::string_view key = pointer.substr(last + 1);
    if (boost::json::object* object = parent.if_object())
        object->insert_or_assign(key, mark);
    else
        parent.as_array().at(std::stoul(std::string(key))) = mark;
    std::string changed = boost::json::serialize(document);
    return changed.replace(changed.find(mark) - 1, mark.size() + 2, value);
}

/// `text` without the member at the pointer.
[[nodiscard]] inline std::string without(std::string_view text, std::string_view pointer) {
    boost::json::value document = boost::json::parse(text);
    const std::size_t last = pointer.rfind('/');
    document.at_pointer(pointer.substr(0, last)).as_object().erase(pointer.substr(last + 1));
    return boost::json::serialize(document);
}

}  // namespace einfer::test
