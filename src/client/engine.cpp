#include "client/engine.h"

#include "base/ids.h"
#include "base/worker_pool.h"
#include "client/batch.h"
#include "client/key_upload.h"
#include "client/model_list.h"
#include "client/reply.h"
#include "client/request_body.h"
#include "client/server_api.h"
#include "client/session_pool.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <thread>
#include <utility>

namespace einfer::client {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds first_backoff{20};
constexpr milliseconds longest_backoff{1000};
constexpr std::size_t max_api_key_bytes = 1024;

/// Adds the time it lives to `seconds`.
class Stopwatch {
public:
    explicit Stopwatch(double& seconds) : seconds_(seconds) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() { seconds_ += std::chrono::duration<double>(SteadyClock::now() - start_).count(); }

private:
    double& seconds_;
    SteadyClock::time_point start_ = SteadyClock::now();
};

/// Of requests to a server that knows of v1.1, or does not.
protocol::Encoding encoding_of(Encoding encoding, bool knows_1_1) {
    switch (encoding) {
        case Encoding::Hex: return protocol::Encoding::Hex;
        case Encoding::Base64: return protocol::Encoding::Base64;
        case Encoding::Binary: return protocol::Encoding::Binary;
        case Encoding::Auto: break;
    }
    return knows_1_1 ? protocol::Encoding::Binary : protocol::Encoding::Hex;
}

/// Messages never show the key.
Outcome<void> check_api_key(std::string_view key, const ServerUrl& server) {
    if (key.empty()) return {};
    if (key.size() > max_api_key_bytes || !std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; }))
        return invalid_argument("the API key is not 1 to 1024 visible ASCII characters");
    if (!server.tls && !server.is_loopback())
        return invalid_argument("an API key is not sent in clear over a network: use https, not " + server.text());
    return {};
}

keys::EncryptionMode mode_of(Encryption encryption) {
    return encryption == Encryption::PublicKey ? keys::EncryptionMode::PublicKey : keys::EncryptionMode::Symmetric;
}

/// More than the cores would only wait for one another.
std::size_t thread_count(std::size_t wanted) {
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    return wanted == 0 ? cores : std::min(wanted, cores);
}

}  // namespace

class Engine::Impl {
public:
    Impl(ClientOptions options, ServerUrl server, TlsContext tls)
        : options_(std::move(options)),
          api_(HttpClient(std::move(server), options_.connect_timeout, options_.call_timeout, std::move(tls)),
               options_.tenant, options_.call_timeout, std::exchange(options_.api_key, {})),
          sessions_(mode_of(options_.encryption)),
          workers_(thread_count(options_.threads)) {}

    Outcome<std::vector<Model>> models() {
        if (const auto fetched = fetch_models(); !fetched) return fetched.error();
        std::vector<Model> list;
        for (const auto& model : models_) list.push_back(to_public(model));
        return list;
    }

    Outcome<Model> model(std::string_view model_id, std::string_view version) {
        const auto chosen = choose_model(model_id, version);
        if (!chosen) return chosen.error();
        return to_public(**chosen);
    }

    Outcome<Predictions> infer(std::string_view model_id, std::string_view version, Rows rows,
                               const Progress& progress) {
        if (rows.empty()) return invalid_argument("there are no rows to predict for");
        const std::uint64_t sent = api_.bytes_sent(), received = api_.bytes_received();
        const auto model = choose_model(model_id, version);
        if (!model) return model.error();
        const auto checked = (*model)->v1_0 ? check_rows(rows, *(*model)->v1_0) : check_rows(rows, **model);
        if (!checked) return checked.error();
        auto predictions = run(**model, rows, progress);
        if (!predictions) {
            if (predictions.error().code == "UNKNOWN_MODEL") models_.clear();  // the list is out of date
            return predictions;
        }
        predictions->bytes_sent = api_.bytes_sent() - sent;
        predictions->bytes_received = api_.bytes_received() - received;
        return predictions;
    }

    Outcome<JobStatus> job(std::string_view id) {
        if (!is_random_id(id)) return invalid_argument("a job id is 32 lower-case hex digits");
        const auto body = api_.job(id, max_job_bytes());
        if (!body) return body.error();
        auto reply = read_job(body->body(), id, nullptr);
        if (!reply) return reply.error();
        return std::move(reply->status);
    }

    Outcome<void> forget_evaluation_keys() {
        for (; !evaluation_keys_.empty(); evaluation_keys_.erase(evaluation_keys_.begin()))
            if (const std::string& id = evaluation_keys_.begin()->second; !id.empty())
                // Another answer than success is the server's own, and final: they are no longer there, as a rule.
                if (const auto deleted = api_.delete_keys(id); !deleted && deleted.error().kind != ErrorKind::Refused)
                    return deleted.error();
        return {};
    }

private:
    Outcome<void> fetch_models() {
        auto body = api_.models("1.1");
        knows_1_1_ = body || body.error().code != traits(ErrorCode::UnsupportedApiVersion).name;
        if (!knows_1_1_) body = api_.models();
        if (!body) return body.error();
        auto list = knows_1_1_ ? read_model_views(*body) : read_model_list(*body);
        if (!list && knows_1_1_) {
            // A server of v1.0 may overlook what it does not know of the request.
            auto older = read_model_list(*body);
            if (!older) return list.error();
            list = std::move(older);
            knows_1_1_ = false;
        }
        if (!list) return list.error();
        models_ = *std::move(list);
        return {};
    }

    /// The registry does not change while a server runs, so a list that has the model is as good as a new one.
    Outcome<const protocol::ModelView*> choose_model(std::string_view id, std::string_view version) {
        const auto* model = find_model(models_, id, version);
        if (model != nullptr) return model;
        if (const auto fetched = fetch_models(); !fetched) return fetched.error();
        model = find_model(models_, id, version);
        if (model != nullptr) return model;

        std::string offered;
        for (const auto& other : models_) {
            if (offered.size() > 400) {
                offered += ", ...";
                break;
            }
            offered += (offered.empty() ? "" : ", ") + other.model_id + '@' + other.version;
        }
        return invalid_argument("the server has no model " + printable(id, 100) +
                                (version.empty() ? "" : " of version " + printable(version, 100)) +
                                "; it has: " + (offered.empty() ? "none" : offered));
    }

    Outcome<Predictions> run(const protocol::ModelView& model, Rows rows, const Progress& progress) {
        const std::size_t most =
            options_.batch_size == 0 ? model.max_batch_size : std::min(options_.batch_size, model.max_batch_size);
        const std::size_t batches = (rows.size() + most - 1) / most;
        Predictions all;
        const auto session = [&] {
            const Stopwatch watch(all.timings.keys);
            return sessions_.session(model.poly_modulus_degree, model.coeff_modulus_bits);
        }();
        if (!session) return session.error();

        std::optional<Failure> found;  // by decrypting
        for (std::size_t start = 0; start < rows.size(); start += most) {
            const Rows batch = rows.subspan(start, std::min(most, rows.size() - start));
            const auto result = answer(**session, model, batch, all.timings);
            if (!result) return found.value_or(result.error());
            // What decryption shows must not show in what is sent: the other batches go out as they would have.
            if (auto failure = append(**session, *result, model, batch, start, all); failure && !found) found = failure;
            ++all.batches;
            if (progress) progress(all.batches, batches);
        }
        if (found) return *std::move(found);
        all.labels = labels(model, all.values);
        all.values = postprocess(model, std::move(all.values));
        all.outputs = postprocessed_dimension(model);
        if (!model.postprocessing.empty() && model.postprocessing.back() != Postprocessing::Argmax)
            round_probabilities(all.values, all.error_bound);
        return all;
    }

    /// Decrypts one batch, whose first row has the index `start`, into `all`.
    static std::optional<Failure> append(const keys::Session& session, const CheckedResult& result,
                                         const protocol::ModelView& model, Rows rows, std::size_t start,
                                         Predictions& all) {
        const Stopwatch watch(all.timings.decrypt);
        const auto decoded = decode(session, result, model, rows);
        if (!decoded) return decoded.error();
        if (decoded->overflowing_row) {
            const std::size_t row = start + *decoded->overflowing_row;
            Failure failure =
                invalid_argument("row " + std::to_string(row) + " is so far outside of what the model " +
                                 model.model_id + " was made for that its answer does not fit the encryption");
            failure.row = row;
            return failure;
        }
        if (!decoded->plausible)
            return bad_reply(
                "it decrypts to values that the model cannot make of the rows. Either the server is wrong, or rows are "
                "far outside of what the model was made for");
        all.values.insert(all.values.end(), decoded->values.begin(), decoded->values.end());
        all.error_bound = std::max(all.error_bound, result.error_bound);
        all.resolution = std::max(all.resolution, decoded->resolution);
        return std::nullopt;
    }

    /// Of keys that the server has, or gets now; empty: the model needs none.
    Outcome<std::string> evaluation_key(keys::Session& session, const protocol::ModelView& model, Timings& timings) {
        if (!model.keys.any()) return std::string();
        std::string& known = evaluation_keys_[model.plan_digest];
        if (!known.empty()) return known;
        const Stopwatch watch(timings.keys);
        const auto upload = make_key_upload(session, model);
        if (!upload) return upload.error();
        const auto body =
            api_.upload_keys(upload->body.view(), upload->header_bytes, SteadyClock::now() + options_.job_timeout);
        if (!body) return body.error();
        auto id = read_key_id(*body);
        if (!id) return id.error();
        known = *std::move(id);
        return known;
    }

    /// Whether the server has lost the keys, or let them go.
    static bool wants_keys(const Failure& failure) {
        for (const ErrorCode code : {ErrorCode::EvaluationKeyRequired, ErrorCode::KeyExpired, ErrorCode::UnknownKey})
            if (failure.code == traits(code).name) return true;
        return false;
    }

    /// The checked, still encrypted answer to one batch. Keys that the server no longer has are sent again, once.
    Outcome<CheckedResult> answer(keys::Session& session, const protocol::ModelView& model, Rows rows,
                                  Timings& timings) {
        for (bool again = false;; again = true) {
            const auto key = evaluation_key(session, model, timings);
            if (!key) return key.error();
            auto result = answer_with(session, model, *key, rows, timings);
            if (result || again || !model.keys.any() || !wants_keys(result.error())) return result;
            evaluation_keys_.erase(model.plan_digest);
        }
    }

    Outcome<CheckedResult> answer_with(const keys::Session& session, const protocol::ModelView& model,
                                       const std::string& evaluation_key, Rows rows, Timings& timings) {
        const auto encoding = encoding_of(options_.encoding, knows_1_1_);
        auto request = [&] {
            const Stopwatch watch(timings.encrypt);
            return encrypted_request(session, model, evaluation_key, rows, encoding);
        }();
        if (!request) return request.error();

        const Stopwatch watch(timings.round_trip);
        const Expectation expected{
            .context = session.context(),
            .model_id = model.model_id,
            .version = model.version,
            .batch_size = static_cast<std::uint32_t>(rows.size()),
            .request_digest = request->digest,
            .encoding = encoding,
            .shape = result_shape(model, rows.size()),
            .max_error_bound = model.v1_0 ? 1 : std::numeric_limits<double>::max(),
        };
        const auto deadline = SteadyClock::now() + options_.job_timeout;
        const auto body = api_.submit(request->body.view(), max_job_bytes(expected), deadline, request->header_bytes);
        if (!body) return body.error();
        request->body = TextBuffer(0);  // megabytes that are not needed again
        auto reply = read_submission(body->body(), expected);
        if (reply && !is_final(*reply)) reply = poll(reply->status.id, expected, deadline);
        if (!reply) return reply.error();

        if (reply->status.state == JobState::Failed)
            return Failure{ErrorKind::JobFailed,
                           "the job " + reply->status.id + " failed: " + reply->status.error_message,
                           reply->status.error_code};
        return *std::move(reply->result);
    }

    Outcome<EncryptedBatch> encrypted_request(const keys::Session& session, const protocol::ModelView& model,
                                              const std::string& evaluation_key, Rows rows,
                                              protocol::Encoding encoding) {
        if (const auto checked = check_sizes(model, rows.size(), encoding); !checked) return checked.error();
        if (model.v1_0) return encrypt_batch(session, *model.v1_0, rows, encoding, workers_);
        const auto ciphertexts = encrypt(session, model, rows, workers_);
        if (!ciphertexts) return ciphertexts.error();
        return assemble({.model_id = model.model_id,
                         .version = model.version,
                         .rows = rows.size(),
                         .encoding = encoding,
                         .compact_result = model.compact_results,
                         .evaluation_key_id = evaluation_key},
                        *ciphertexts);
    }

    static bool is_final(const JobReply& reply) {
        return reply.status.state == JobState::Completed || reply.status.state == JobState::Failed;
    }

    Outcome<JobReply> poll(const std::string& id, const Expectation& expected, ServerApi::Deadline deadline) {
        milliseconds backoff = first_backoff;
        for (;;) {
            const auto asked = SteadyClock::now();
            const auto body = api_.wait_for_job(id, max_job_bytes(expected), deadline);
            if (!body) return body.error();
            auto reply = read_job(body->body(), id, &expected);
            if (!reply || is_final(*reply)) return reply;

            // A server that honours Prefer has waited already.
            const auto now = SteadyClock::now();
            if (now - asked < longest_backoff) {
                std::this_thread::sleep_for(backoff);
                backoff = std::min(2 * backoff, longest_backoff);
            }
            if (now >= deadline)
                return Failure{ErrorKind::Timeout, "the job " + id +
                                                       " is not final yet; it goes on at the server, but its "
                                                       "result can be read by this client only"};
        }
    }

    ClientOptions options_;
    ServerApi api_;
    SessionPool sessions_;
    WorkerPool workers_;
    std::vector<protocol::ModelView> models_;
    std::map<std::string, std::string> evaluation_keys_;  // ids, by the plan that they are for
    bool knows_1_1_ = false;                              // the server that gave models_
};

Outcome<Engine> Engine::create(ClientOptions options) {
    auto server = ServerUrl::parse(options.server);
    if (!server) return server.error();
    if (!options.tenant.empty() && !is_token(options.tenant))
        return invalid_argument("a tenant is 1 to 128 of A-Z a-z 0-9 . _ -");
    if (options.connect_timeout < milliseconds(1) || options.call_timeout < std::chrono::seconds(1) ||
        options.job_timeout < std::chrono::seconds(1))
        return invalid_argument("timeouts must be at least 1 s, that for connecting at least 1 ms");
    if (const auto checked = check_api_key(options.api_key, *server); !checked) return checked.error();
    const TlsFiles files{options.ca_file, options.client_certificate, options.client_key};
    if (!server->tls && !(files.ca.empty() && files.certificate.empty() && files.key.empty()))
        return invalid_argument("a CA file, a client certificate and its key are for https, but the server is " +
                                server->text());
    TlsContext tls;
    if (server->tls) {
        auto made = make_tls_context(files);
        if (!made) return made.error();
        tls = *std::move(made);
    }
    constexpr std::chrono::hours longest{24 * 365};  // and sums with the clock stay in range
    options.connect_timeout = std::min<milliseconds>(options.connect_timeout, longest);
    options.call_timeout = std::min<milliseconds>(options.call_timeout, longest);
    options.job_timeout = std::min<milliseconds>(options.job_timeout, longest);
    return Engine(std::make_unique<Impl>(std::move(options), *std::move(server), std::move(tls)));
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

Outcome<std::vector<Model>> Engine::models() { return impl_->models(); }
Outcome<Model> Engine::model(std::string_view model_id, std::string_view version) {
    return impl_->model(model_id, version);
}
Outcome<Predictions> Engine::infer(std::string_view model_id, std::string_view version,
                                   std::span<const std::span<const double>> rows, const Progress& progress) {
    return impl_->infer(model_id, version, rows, progress);
}
Outcome<void> Engine::forget_evaluation_keys() { return impl_->forget_evaluation_keys(); }

Outcome<JobStatus> Engine::job(std::string_view id) { return impl_->job(id); }

}  // namespace einfer::client
