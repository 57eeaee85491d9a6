#include "evaluating_server.h"

#include "base/sha256.h"
#include "protocol/infer_request.h"
#include "protocol/schema.h"
#include "small_world.h"

#include <gtest/gtest.h>

#include <utility>

namespace einfer::client_test {
namespace {

/// The decoded inputs of a request.
struct Inputs final : protocol::PayloadSink {
    std::vector<std::vector<std::uint8_t>> bytes;
    void begin_input() override { bytes.emplace_back(); }
    void input_bytes(std::span<const std::uint8_t> run) override {
        bytes.back().insert(bytes.back().end(), run.begin(), run.end());
    }
    void end_input() override {}
};

protocol::ModelDescription model_of(const Behaviour& behaviour) {
    auto model = small_model(behaviour.quadratic);
    model.version = behaviour.version;
    return model;
}

}  // namespace

class EvaluatingServer::Impl {
public:
    explicit Impl(Behaviour chosen)
        : behaviour(std::move(chosen)),
          model(model_of(behaviour)),
          context(he::Context::create(parameters(model)).value()),
          evaluator(context),
          server([this](const SeenRequest& request, const FakeConnection& connection) {
              return answer(request, connection);
          }) {}

    bool answer(const SeenRequest& request, const FakeConnection& connection) {
        if (request.target == "/models?api_version=1.1")  // it speaks v1.0
            return connection.reply(400, protocol::error_body({ErrorCode::UnsupportedApiVersion, "1.0 is spoken"}));
        if (request.target == "/models") return connection.reply(200, protocol::models_body({&model, 1}));
        if (request.target == "/infer") return infer(request, connection);
        if (request.target == std::string("/jobs/") + job_id) {
            if (behaviour.polls_until_final-- <= 0) return connection.reply(200, final_body);
            protocol::JobMessage running;
            running.job_id = job_id;
            running.status = "running";
            running.created_at = "2026-03-02T09:15:04.120Z";
            return connection.reply(200, protocol::job_body(running, {}));
        }
        return connection.reply(404, R"({"error":{"code":"UNKNOWN_JOB","message":"no such job"}})");
    }

    bool infer(const SeenRequest& request, const FakeConnection& connection) {
        if (behaviour.overloaded-- > 0)
            return connection.reply(503, R"({"error":{"code":"OVERLOADED","message":"full"}})", "Retry-After: 0\r\n");
        Inputs inputs;
        protocol::InferRequestParser parser(wire::serialized_size(2, 4096, 3), inputs);
        parser.feed(request.body);
        const auto parsed = parser.finish();
        if (!parsed || parsed->model_id != model.model_id || parsed->version != model.version ||
            parsed->batch_size > model.max_batch_size || inputs.bytes.size() != model.input_dimension)
            return connection.reply(400, R"({"error":{"code":"MALFORMED_JSON","message":"not what was agreed"}})");
        ++batches;

        Sha256 digest;
        std::vector<he::Ciphertext> loaded;
        for (const auto& bytes : inputs.bytes) {
            digest.update(bytes);
            loaded.push_back(load_input(context, bytes));
        }
        auto result = evaluate(evaluator, model, loaded);
        if (behaviour.offset != 0 && (behaviour.offset_batch == 0 || behaviour.offset_batch == batches))
            result = evaluator.add_constant(result, behaviour.offset).value();

        auto job = completed_job(model, parsed->batch_size, digest.hex_digest(), parsed->encoding);
        if (behaviour.wrong_digest) job.result->request_digest.front() ^= 1;
        if (behaviour.fail_job) {
            job.status = "failed";
            job.result.reset();
            job.error = Error{ErrorCode::Internal, "the evaluation failed"};
        }
        final_body = protocol::job_body(job, result_bytes(context, result));
        if (!behaviour.error_bound.empty()) final_body.replace(final_body.find("1E-3"), 4, behaviour.error_bound);
        if (behaviour.accept_only || request.head.find("prefer: wait=") == std::string::npos)
            return connection.reply(202, protocol::accepted_body(job_id));
        return connection.reply(200, final_body);
    }

    Behaviour behaviour;
    protocol::ModelDescription model;
    he::Context context;
    he::SealEvaluator evaluator;
    std::string final_body;
    int batches = 0;
    FakeServer server;  // last: its threads use the others
};

EvaluatingServer::EvaluatingServer(Behaviour behaviour) : impl_(std::make_unique<Impl>(std::move(behaviour))) {}
EvaluatingServer::~EvaluatingServer() = default;
std::string EvaluatingServer::url() const { return impl_->server.url(); }
std::vector<SeenRequest> EvaluatingServer::seen() const { return impl_->server.seen(); }
int EvaluatingServer::count(std::string_view method) const {
    int found = 0;
    for (const SeenRequest& request : seen()) found += request.method == method ? 1 : 0;
    return found;
}
double EvaluatingServer::predict(const std::vector<double>& row) const { return in_clear(impl_->model, row); }
const char* EvaluatingServer::model_id() const { return impl_->model.model_id.c_str(); }

TEST(SmallModel, IsOneThatTheContractAllows) {
    for (const bool quadratic : {false, true}) {
        const auto model = small_model(quadratic);
        EXPECT_FALSE(protocol::find_fault(model));
        const auto list = protocol::parse_json(protocol::models_body({&model, 1}));
        EXPECT_TRUE(protocol::check_schema(protocol::Schema::Models, list.value()));
    }
}

}  // namespace einfer::client_test
