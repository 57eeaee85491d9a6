// The use cases of v1.0, without HTTP: documents out, submissions in.
#pragma once

#include "base/clock.h"
#include "base/memory_budget.h"
#include "jobs/service.h"
#include "protocol/api_version.h"
#include "server/catalog.h"
#include "server/infer_upload.h"
#include "server/keys_service.h"
#include "server/memory_shares.h"
#include "server/phases.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace einfer::server {

struct ServiceOptions {
    std::filesystem::path data;            ///< where jobs are kept
    std::size_t memory_budget = 1u << 30;  ///< bytes of residues of requests on their way in
    bool plain = false;                    ///< POST /infer/plain, the baseline in clear
    he::EvaluatorKind evaluator = he::EvaluatorKind::Native;
    bool store_first = false;  ///< requests are on disk before they are evaluated, even when a worker is idle
    jobs::ServiceOptions jobs;
    keystore::StoreOptions keys{};                       ///< evaluation keys on disk
    std::size_t key_cache_bytes = std::size_t{2} << 30;  ///< and in memory
};

/// A text that never changes, with its strong entity tag.
struct Document {
    std::string body;
    std::string etag;  ///< quoted
};

/// A job as shown, in the form of its request: JSON, or a JSON header and raw bytes.
struct JobDocument {
    std::string body;
    std::size_t binary_header_bytes = 0;  ///< 0: all of it is JSON
    bool final = false;                   ///< it can no longer change
};

/// Thread-safe. Every method that can fail says so with an Error fit for the client.
class InferenceService {
public:
    /// Opens the data directory; jobs that an earlier run left are taken up by prepare(). INTERNAL, with a message for
    /// the operator, when it cannot, or when an instruction set was forced that the machine lacks.
    static Result<std::unique_ptr<InferenceService>> create(std::unique_ptr<Catalog> catalog, ServiceOptions options,
                                                            Clock clock);
    ~InferenceService();

    /// Makes the encryption contexts and starts the workers; until then inference is CRYPTO_CONTEXT_UNAVAILABLE.
    Result<void> prepare();

    /// Good, CRYPTO_CONTEXT_UNAVAILABLE, or SHUTTING_DOWN.
    [[nodiscard]] Result<void> readiness() const;

    [[nodiscard]] const Catalog& catalog() const { return *catalog_; }
    /// Clients' evaluation keys.
    [[nodiscard]] KeysService& evaluation_keys() { return *keys_; }
    /// The instruction set of the evaluation's kernels; "seal" when SEAL evaluates.
    [[nodiscard]] std::string_view kernels() const;
    /// In version 1.0, the models that its clients know how to ask.
    [[nodiscard]] const Document& models(protocol::ApiVersion version) const {
        return version == protocol::ApiVersion::V1_0 ? models_ : models_1_1_;
    }
    /// Public material of the same models, SEAL bytes in the given minor version. CRYPTO_CONTEXT_UNAVAILABLE before
    /// prepare() is done.
    [[nodiscard]] Result<std::string> keys(std::uint8_t seal_minor, protocol::ApiVersion version) const;

    /// What the tenant's requests on their way in may take together.
    [[nodiscard]] std::shared_ptr<MemoryBudget> memory_of(std::string_view tenant) { return memory_.of(tenant); }
    /// `memory` outlives the upload. `binary_header_bytes`: as InferUpload has it.
    [[nodiscard]] InferUpload begin_upload(MemoryBudget& memory, std::uint64_t binary_header_bytes = 0) {
        return InferUpload(*catalog_, memory, binary_header_bytes);
    }
    /// As jobs::JobService::submit().
    Result<void> submit(jobs::Submission submission, std::function<void(Result<jobs::Accepted>)> done);

    [[nodiscard]] Result<JobDocument> job(std::string_view id, std::string_view tenant);
    /// As jobs::JobService::erase().
    Result<void> erase(std::string id, std::string tenant, std::function<void(Result<void>)> done);
    std::shared_ptr<jobs::JobService::Wait> when_final(std::string_view id, std::function<void()> wake);

    [[nodiscard]] bool plain_enabled() const { return options_.plain; }
    /// POST /infer/plain: the same circuit in clear.
    [[nodiscard]] Result<std::string> infer_plain(std::string_view body) const;

    [[nodiscard]] jobs::JobService::Load load() const { return jobs_->load(); }
    /// What the uploads under way take of the memory budget.
    [[nodiscard]] std::size_t memory_in_use() const { return memory_.whole().used(); }

    /// How long requests take.
    [[nodiscard]] Phases& phases() { return phases_; }

    /// New requests are refused; evaluations that run are finished and stored. Blocks until then.
    void stop();
    /// Logs what the store says about its latest failure: at once if it says something new, else at most every
    /// minute. To be called now and then, for failures that no request sees.
    void report_store();
    /// From now on readiness() is SHUTTING_DOWN; does not block.
    void begin_shutdown() { shutting_down_ = true; }

private:
    InferenceService(std::unique_ptr<Catalog> catalog, ServiceOptions options);
    void measure(jobs::Event event, const jobs::Durations& spent);
    [[nodiscard]] Result<jobs::Outcome> compute(const ServedModel& model, const jobs::Job& job,
                                                const jobs::Bytes& inputs) const;
    [[nodiscard]] jobs::Outcome evaluate(const jobs::Job& job, const jobs::Bytes& inputs) const;

    std::unique_ptr<Catalog> catalog_;
    const ServiceOptions options_;
    MemoryShares memory_;
    Phases phases_;
    Document models_, models_1_1_;
    std::atomic<bool> prepared_{false};
    std::atomic<bool> shutting_down_{false};
    std::unique_ptr<KeysService> keys_;
    std::unique_ptr<jobs::JobService> jobs_;
    std::mutex report_mutex_;
    std::string reported_;
    std::uint64_t reported_failures_ = 0;
    std::chrono::steady_clock::time_point reported_at_;
};

/// The entity tag of `body`.
[[nodiscard]] std::string entity_tag(std::string_view body);

}  // namespace einfer::server
