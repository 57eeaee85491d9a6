// What this server serves: the registry's models, each with its proven plan and, once made, its encryption context.
#pragma once

#include "base/error.h"
#include "he/context.h"
#include "he/evaluator.h"
#include "protocol/model_view.h"
#include "registry/registry.h"
#include "server/executable.h"
#include "server/key_needs.h"
#include "wire/ciphertext.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::server {

/// One model ready to be asked. Immutable once Catalog::ready().
struct ServedModel {
    protocol::ModelView view;
    std::unique_ptr<Executable> executable;
    std::optional<he::Context> context;              ///< set by Catalog::make_contexts()
    std::shared_ptr<const he::Evaluator> evaluator;  ///< likewise
    std::optional<KeyNeeds> key_needs{};             ///< likewise, of a model that needs evaluation keys
};

/// Limits of a request that follow from the largest model.
struct RequestLimits {
    std::size_t max_ciphertext_bytes = 0;  ///< serialized, one input
    std::size_t max_ciphertext_words = 0;
    std::size_t max_body_bytes = 0;        ///< of POST /infer
    std::size_t max_plain_body_bytes = 0;  ///< of POST /infer/plain
    std::size_t max_keys_body_bytes = 0;   ///< of POST /keys
};

class Catalog {
public:
    /// Loads and proves every model; nothing of SEAL is touched yet.
    static boost::system::result<std::unique_ptr<Catalog>, registry::Fault> load(
        const std::filesystem::path& directory);

    /// Of models that somebody else has proved: for tests.
    static std::unique_ptr<Catalog> of(std::vector<DescribedExecutable> models);

    /// Makes the contexts (tens of milliseconds a parameter set); afterwards ready() is true. Call once.
    Result<void> make_contexts(he::EvaluatorKind kind);
    [[nodiscard]] bool ready() const { return ready_.load(std::memory_order_acquire); }

    /// UNKNOWN_MODEL when there is none.
    [[nodiscard]] Result<const ServedModel*> find(std::string_view model_id, std::string_view version) const;
    [[nodiscard]] const std::vector<std::unique_ptr<ServedModel>>& models() const { return models_; }
    [[nodiscard]] const RequestLimits& limits() const { return limits_; }
    /// The levels at which the models take ciphertexts, with as many kept primes as the most demanding plan has use
    /// for. Empty before ready().
    [[nodiscard]] std::span<const wire::Level> input_levels() const { return input_levels_; }

private:
    Catalog() = default;
    void add(DescribedExecutable model);
    void sort();
    std::vector<std::unique_ptr<ServedModel>> models_;
    RequestLimits limits_;
    std::vector<wire::Level> input_levels_;
    std::atomic<bool> ready_{false};
};

}  // namespace einfer::server
