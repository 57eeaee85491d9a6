// The main paths, each once between marks of callgrind: how many instructions they take, whatever the machine's speed.
// bench/instructions.py runs it. Valgrind 3.19 knows no AVX-512, so the kernels are those for AVX2, or the forced ones.
#include "base/worker_pool.h"
#include "client/request_body.h"
#include "he/native_evaluator.h"
#include "he/seal_context.h"
#include "inference/circuit.h"
#include "inference/packed_inputs.h"
#include "kernels/galois.h"
#include "protocol/messages.h"
#include "server/catalog.h"
#include "server/infer_upload.h"

#include <valgrind/callgrind.h>

#include <algorithm>
#include <iostream>

namespace {

using namespace einfer;

template <class Path>
auto measured(const char* name, Path path) {
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    auto result = path();
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(name);
    return result;
}

struct Reference {
    const server::ServedModel* model;
    std::string body;
};

Reference make_request(const server::Catalog& catalog, keys::EncryptionMode mode, const char* name) {
    const server::ServedModel* const model = catalog.find("logistic_v1", "1.0.0").value();
    const keys::Session session = keys::Session::create(*model->context, mode).value();
    const std::vector<double> values(model->view.input_dimension, 0.5);
    const std::vector<client::Row> rows{values};
    WorkerPool workers(1);
    const auto encrypt = [&] {
        return std::move(*client::encrypt_batch(session, *model->view.v1_0, rows, protocol::Encoding::Hex, workers));
    };
    (void)encrypt();  // what is made once is made
    return {model, std::string(measured(name, encrypt).body.view())};
}

jobs::Submission receive(const server::Catalog& catalog, std::string_view body) {
    constexpr std::size_t piece = 64 * 1024;
    MemoryBudget budget(std::size_t{1} << 30);
    server::InferUpload upload(catalog, budget);
    for (std::size_t at = 0; at < body.size(); at += piece) upload.feed(body.substr(at, piece));
    return upload.finish("default").value();
}

std::vector<std::uint8_t> evaluate(const server::ServedModel& model, const jobs::Submission& job) {
    const he::Context& context = *model.context;
    const auto inputs =
        inference::unpack_inputs(*job.inputs, context, model.executable->kept_primes(), model.view.scale).value();
    const server::Evaluation evaluation{
        .evaluator = *model.evaluator, .inputs = inputs.views, .rows = job.batch_size, .seal_minor = job.seal_minor};
    return model.executable->run(evaluation).value();
}

/// Twice: the first time takes memory and makes tables.
template <class Path>
auto second_time(const char* name, Path path) {
    (void)path();
    return measured(name, path);
}

void key_switching() {
    const he::Context context = he::Context::create({8192, {49, 49, 49, 50}}).value();
    const auto evaluator = he::NativeEvaluator::create(context).value();
    seal::KeyGenerator generator(context.seal().context);
    seal::GaloisKeys seals;
    generator.create_galois_keys(std::vector<int>{1, 2, 3, 4}, seals);
    he::GaloisKeys keys;
    for (const int step : {1, 2, 3, 4}) {
        const std::uint32_t element = kernels::galois_element(8192, step);
        keys.emplace(element, he::from_seal(context, seals.key(element)));
    }
    he::Ciphertext a{3, 2, 1024, {}};
    a.words.resize(2 * 3 * 8192);
    std::generate(a.words.begin(), a.words.end(),
                  [i = std::uint64_t{1}]() mutable { return i = i * 48271 % 2147483647; });
    second_time("rotate", [&] { return evaluator->rotate(a, 1, keys).value(); });
    second_time("rotate_4_hoisted", [&] {
        return evaluator->rotate_many(a, std::vector<int>{1, 2, 3, 4}, keys).value();
    });
    second_time("rescale", [&] { return evaluator->rescale(a).value(); });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "main_paths MODELS: under valgrind --tool=callgrind --collect-atstart=no\n";
        return 2;
    }
    const auto catalog = std::move(server::Catalog::load(argv[1]).value());
    catalog->make_contexts(he::EvaluatorKind::Native).value();
    for (const auto& [mode, encrypt_name, receive_name, evaluate_name] :
         {std::tuple{keys::EncryptionMode::Symmetric, "client_encrypt_seeded", "receive_seeded", "evaluate_seeded"},
          std::tuple{keys::EncryptionMode::PublicKey, "client_encrypt_public", "receive_public", "evaluate_public"}}) {
        const Reference request = make_request(*catalog, mode, encrypt_name);
        const auto job = second_time(receive_name, [&] { return receive(*catalog, request.body); });
        const auto result = second_time(evaluate_name, [&] { return evaluate(*request.model, job); });
        protocol::JobMessage message;
        message.job_id = job.id;
        message.status = "completed";
        message.created_at = "2026-03-02T09:15:04.120Z";
        message.result = protocol::ResultMessage{job.model_id, job.model_version, protocol::Encoding::Hex, 1, 1, false,
                                                 1e-3,         job.request_digest};
        if (mode == keys::EncryptionMode::Symmetric)
            second_time("reply", [&] { return protocol::job_body(message, result); });
    }
    key_switching();
    std::cout << kernels::active().name << '\n';
    return 0;
}
