// The evaluator's operations beside SEAL's Evaluator, on one thread. Names: operation/who. "seal" is SEAL used
// directly, without our copies in and out.
#include "he/encoder.h"
#include "he/native_evaluator.h"
#include "he/seal_context.h"
#include "kernels/galois.h"

#include <benchmark/benchmark.h>

#include <numeric>
#include <random>
#include <string>

namespace {

using namespace einfer;

/// N = 16384 with 7 + 1 primes: the largest chain of 49-bit primes, and one whose first and last have 60 bits.
struct World {
    World(const std::vector<int>& bits)
        : context(he::Context::create({16384, bits}).value()),
          seals(context.seal().context),
          encoder(context.seal().context),
          generator(context.seal().context),
          native(he::NativeEvaluator::create(context).value()) {
        std::iota(steps.begin(), steps.end(), 1);
        generator.create_relin_keys(seal_relin);
        generator.create_galois_keys(steps, seal_galois);
        relin = he::from_seal(context, seal_relin.data()[0]);
        for (const int step : steps) {
            const std::uint32_t element = kernels::galois_element(16384, step);
            galois.emplace(element, he::from_seal(context, seal_galois.key(element)));
        }
        seal::Encryptor encryptor(context.seal().context, generator.secret_key());
        std::vector<double> values(8192);
        std::mt19937_64 random(1);
        for (double& value : values) value = static_cast<double>(random() % 1000) / 1000;
        encoder.encode(values, 0x1p40, seal_plain);
        encryptor.encrypt_symmetric(seal_plain, seal_a);
        seals.square(seal_a, seal_product);
        a = he::from_seal(context, seal_a);
        product = he::from_seal(context, seal_product);
        plain = he::encode(context, values, 7, 0x1p40).value();
        he::Diagonals diagonals;
        for (int i = 0; i < 64; ++i) diagonals[i] = values;
        transform = he::encode(context, diagonals, 7, 0x1p40, 8).value();
    }

    const he::Context context;
    seal::Evaluator seals;
    seal::CKKSEncoder encoder;
    seal::KeyGenerator generator;
    const std::unique_ptr<const he::NativeEvaluator> native;
    std::vector<int> steps = std::vector<int>(16);
    seal::RelinKeys seal_relin;
    seal::GaloisKeys seal_galois;
    he::KeySwitchKey relin;
    he::GaloisKeys galois;
    seal::Plaintext seal_plain;
    seal::Ciphertext seal_a, seal_product, seal_out;
    he::Ciphertext a, product;
    he::Plaintext plain;
    he::LinearTransform transform;
};

template <class Operation>
void add(const std::string& name, World& world, Operation operation) {
    benchmark::RegisterBenchmark(name.c_str(), [operation, &world](benchmark::State& state) {
        for (auto _ : state) operation(world);
    })->Unit(benchmark::kMicrosecond);
}

void add_all(const std::string& chain, World& world) {
    const auto pair = [&](const std::string& name, auto seals, auto ours) {
        add(name + "/seal/" + chain, world, seals);
        add(name + "/einfer/" + chain, world, ours);
    };
    const auto keep = [](const auto& result) {
        if (!result) std::abort();
        benchmark::DoNotOptimize(result);
    };
    pair(
        "rotate", [](World& w) { w.seals.rotate_vector(w.seal_a, 1, w.seal_galois, w.seal_out); },
        [=](World& w) { keep(w.native->rotate(w.a, 1, w.galois)); });
    pair(
        "relinearize", [](World& w) { w.seals.relinearize(w.seal_product, w.seal_relin, w.seal_out); },
        [=](World& w) { keep(w.native->relinearize(w.product, w.relin)); });
    pair(
        "rotate_16",
        [](World& w) {
            for (const int step : w.steps) w.seals.rotate_vector(w.seal_a, step, w.seal_galois, w.seal_out);
        },
        [=](World& w) { keep(w.native->rotate_many(w.a, w.steps, w.galois)); });
    pair(
        "rescale", [](World& w) { w.seals.rescale_to_next(w.seal_a, w.seal_out); },
        [=](World& w) { keep(w.native->rescale(w.a)); });
    pair(
        "multiply_plain", [](World& w) { w.seals.multiply_plain(w.seal_a, w.seal_plain, w.seal_out); },
        [=](World& w) { keep(w.native->multiply_plain(w.a, w.plain)); });
    pair(
        "square", [](World& w) { w.seals.square(w.seal_a, w.seal_out); },
        [=](World& w) { keep(w.native->square(w.a)); });
    pair(
        "add", [](World& w) { w.seals.add(w.seal_a, w.seal_a, w.seal_out); },
        [=](World& w) { keep(w.native->add(w.a, w.a)); });
}

}  // namespace

int main(int argc, char** argv) {
    World even({49, 49, 49, 49, 49, 49, 49, 49}), wide({60, 40, 40, 40, 40, 40, 40, 60});
    add_all("49x8", even);
    add_all("60-40x6-60", wide);
    benchmark::AddCustomContext("kernels", std::string(kernels::active().name));
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
