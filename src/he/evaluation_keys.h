// A client's evaluation keys, ready for an evaluator.
#pragma once

#include "base/error.h"
#include "he/ciphertext.h"
#include "he/context.h"
#include "wire/key_file.h"

#include <cstddef>
#include <optional>

namespace einfer::he {

struct EvaluationKeys {
    std::optional<KeySwitchKey> relinearization;
    GaloisKeys galois;

    /// Of their words.
    [[nodiscard]] std::size_t bytes() const;
};

/// Bytes that the keys of such a file take in memory.
[[nodiscard]] std::size_t evaluation_keys_bytes(const wire::KeyFileHeader& header);

/// Reads a whole key file: seeds expanded, as SEAL does, and words laid out for evaluation. INTERNAL when the file is
/// damaged or for other parameters than the context's; every word is below its prime afterwards. Throws std::bad_alloc.
[[nodiscard]] Result<EvaluationKeys> load_evaluation_keys(const Context& context, wire::KeyFileReader& file);

}  // namespace einfer::he
