// The evaluation keys that one model needs, exactly.
#pragma once

#include "base/error.h"
#include "he/context.h"
#include "protocol/messages.h"
#include "protocol/model_view.h"
#include "wire/evaluation_keys.h"
#include "wire/key_file.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace einfer::server {

/// The Galois elements of rotations by `steps`, ascending: fewer than steps where two have one.
[[nodiscard]] std::vector<std::uint32_t> galois_elements(std::size_t degree, std::span<const int> steps);

/// Longest serializations of what the model needs, one behind the other, and of a key too many, which is to be named
/// and not just too long; 0: it needs none.
[[nodiscard]] std::size_t max_key_upload(const protocol::ModelView& model);

class KeyNeeds {
public:
    /// Of a model that needs some.
    KeyNeeds(const protocol::EvaluationKeyNeeds& needs, const he::Context& context);

    [[nodiscard]] bool relinearization() const { return header_->relinearization; }
    [[nodiscard]] bool rotations() const { return !header_->galois_elements.empty(); }
    /// Points into this object.
    [[nodiscard]] wire::KeyRules rules() const;
    /// Of the key file.
    [[nodiscard]] const std::shared_ptr<const wire::KeyFileHeader>& header() const { return header_; }

    /// EVALUATION_KEY_REQUIRED, which names what is needed; `about` says more.
    [[nodiscard]] Error required(std::string message, std::vector<std::pair<std::string, std::string>> about) const;
    /// The same, with what is missing, unless keys with this header will do.
    [[nodiscard]] Result<void> check(const wire::KeyFileHeader& stored) const;

    [[nodiscard]] protocol::KeysMessage::EvaluationKeys message() const;

private:
    std::vector<int> steps_;
    std::vector<std::uint64_t> primes_;
    std::vector<wire::ParmsId> data_parms_ids_;
    std::shared_ptr<const wire::KeyFileHeader> header_;
};

}  // namespace einfer::server
