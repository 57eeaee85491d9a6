// The form in which a model's result is written, where it has more than one.
#pragma once

#include <string_view>

namespace einfer::protocol {

enum class ResultFormat {
    Seal,    ///< what Ciphertext::save writes; every model has it
    Compact  ///< smaller; only models that say so have it
};

/// "seal", "compact".
[[nodiscard]] constexpr std::string_view name(ResultFormat format) {
    return format == ResultFormat::Compact ? "compact" : "seal";
}

}  // namespace einfer::protocol
