// Networks in the slots layout: one evaluation, on one thread. Names: network/who. What each costs beside time goes
// into the counters.
#include "kernels/kernels.h"
#include "support/slots_world.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

namespace {

using namespace einfer;

void add(const std::string& name, const inference::Network& network, double tolerance, std::mt19937_64& random) {
    const auto stages = inference::to_stages(network).value();
    const auto samples = test::random_rows(32, network.input.size(), random);
    inference::SlotsOptions options;
    options.tolerance = tolerance;
    const auto spec = inference::search_slots(stages, samples, options);
    if (!spec) {
        std::fprintf(stderr, "%s: %s\n", name.c_str(), spec.error().message.c_str());
        return;
    }
    const auto world = std::make_shared<test::SlotsWorld>(inference::SlotsModel::compile(stages, *spec).value());
    for (const he::EvaluatorKind kind : {he::EvaluatorKind::Native, he::EvaluatorKind::Seal}) {
        const std::shared_ptr<const he::Evaluator> evaluator = he::make_evaluator(kind, world->context).value();
        const std::string who = kind == he::EvaluatorKind::Native ? "einfer" : "seal";
        benchmark::RegisterBenchmark((name + "/" + who).c_str(), [=](benchmark::State& state) {
            const auto inputs = world->encrypt({samples[0]});
            for (auto _ : state) {
                const auto result = world->run(*evaluator, inputs);
                if (!result) std::abort();
                benchmark::DoNotOptimize(result);
            }
            const inference::SlotsPlan& plan = world->plan();
            const auto slots = world->decrypt(world->run(*evaluator, inputs).value());
            const auto answer = world->model.answer(slots, 0), clear = world->model.run_in_clear(samples[0]);
            state.counters["N"] = static_cast<double>(plan.poly_modulus_degree);
            state.counters["primes"] = static_cast<double>(plan.coeff_modulus_bits.size());
            state.counters["rotations"] = static_cast<double>(plan.rotations);
            state.counters["keys"] = static_cast<double>(plan.steps.size() + plan.needs_relinearization);
            state.counters["key_MB"] = static_cast<double>(plan.key_bytes) / 1e6;
            state.counters["request_MB"] = static_cast<double>(plan.request_bytes) / 1e6;
            state.counters["predicted_ms"] = plan.predicted_ms;
            state.counters["error"] = test::max_abs_diff(answer, clear);
            state.counters["bound"] = plan.error_bound;
        })->Unit(benchmark::kMillisecond);
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::mt19937_64 random(1);
    for (const double tolerance : {2e-2, 1e-3}) {
        const std::string at = tolerance < 0.01 ? "/1e-3" : "/2e-2";
        add("cnn" + at, test::mnist_cnn(random), tolerance, random);
        add("mlp" + at, test::mnist_mlp(random), tolerance, random);
    }
    benchmark::AddCustomContext("kernels", std::string(kernels::active().name));
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
