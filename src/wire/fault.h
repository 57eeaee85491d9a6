// Why bytes were refused, without allocation: a fault may be the lack of memory.
#pragma once

#include "base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::wire {

struct Fault {
    ErrorCode code;
    std::string_view message;          ///< a literal: never made from input bytes
    std::string_view field{};          ///< the part of the object that is wrong, as in docs/architecture/wire.md
    bool is_secret_key = false;        ///< what was read so far must be wiped
    std::uint32_t galois_element = 0;  ///< the rotation key that is wrong or missing; 0: no such
};

using MaybeFault = std::optional<Fault>;

[[nodiscard]] inline Fault invalid(std::string_view message, std::string_view field = {}) {
    return {ErrorCode::InvalidCiphertext, message, field};
}

[[nodiscard]] inline Fault incompatible(std::string_view message, std::string_view field) {
    return {ErrorCode::IncompatibleCiphertext, message, field};
}

[[nodiscard]] inline Fault out_of_memory() {
    return {ErrorCode::Overloaded, "there is no memory for this object now: try again later"};
}

[[nodiscard]] inline Error to_error(const Fault& fault) {
    Error error{fault.code, std::string(fault.message)};
    if (!fault.field.empty()) error.details.emplace_back("field", fault.field);
    if (fault.galois_element != 0) error.details.emplace_back("galois_element", std::to_string(fault.galois_element));
    return error;
}

}  // namespace einfer::wire
