// The kernels of each instruction set beside SEAL's own functions. Names: operation/who/N/bits.
#include "kernels/kernels.h"

#include <benchmark/benchmark.h>
#include <seal/util/ntt.h>
#include <seal/util/polyarithsmallmod.h>

#include <algorithm>
#include <bit>
#include <random>
#include <string>

namespace {

using einfer::kernels::Kernels;
using einfer::kernels::Modulus;
using einfer::kernels::NttTables;

constexpr std::size_t degrees[] = {4096, 8192, 16384, 32768};
constexpr int prime_bits[] = {30, 40, 49, 50, 60};

/// One prime's tables, ours and SEAL's, and residues.
struct Data {
    Data(std::size_t n, int bits)
        : prime(seal::CoeffModulus::Create(n, {bits})[0]),
          seals(std::countr_zero(n), prime),
          modulus(prime.value()),
          ours(*NttTables::create(n, modulus)) {
        std::mt19937_64 random(n + static_cast<std::size_t>(bits));
        for (auto* words : {&a, &b, &out}) {
            words->resize(n);
            for (std::uint64_t& word : *words) word = random() % prime.value();
        }
    }
    seal::Modulus prime;
    seal::util::NTTTables seals;
    Modulus modulus;
    NttTables ours;
    std::vector<std::uint64_t> a, b, out;
};

template <class Operation>
void add(const std::string& name, std::size_t n, int bits, Operation operation) {
    benchmark::RegisterBenchmark((name + '/' + std::to_string(n) + '/' + std::to_string(bits)).c_str(),
                                 [=](benchmark::State& state) {
                                     Data data(n, bits);
                                     for (auto _ : state) {
                                         operation(data);
                                         benchmark::ClobberMemory();
                                     }
                                 })
        ->Unit(benchmark::kMicrosecond);
}

void add_all(std::size_t n, int bits) {
    using seal::util::CoeffIter;
    using seal::util::ConstCoeffIter;
    add("ntt_forward/seal", n, bits,
        [](Data& data) { seal::util::ntt_negacyclic_harvey(CoeffIter(data.a.data()), data.seals); });
    add("ntt_inverse/seal", n, bits,
        [](Data& data) { seal::util::inverse_ntt_negacyclic_harvey(CoeffIter(data.a.data()), data.seals); });
    add("multiply/seal", n, bits, [n](Data& data) {
        seal::util::dyadic_product_coeffmod(ConstCoeffIter(data.a.data()), ConstCoeffIter(data.b.data()), n, data.prime,
                                            CoeffIter(data.out.data()));
    });
    for (const auto& candidate : einfer::kernels::candidates()) {
        if (!candidate.supported) continue;
        const Kernels& kernels = *candidate.kernels;
        const std::string who = '/' + std::string(kernels.name);
        add("ntt_forward" + who, n, bits,
            [&kernels](Data& data) { kernels.ntt_forward(data.ours, data.a.data(), data.a.data()); });
        add("ntt_inverse" + who, n, bits,
            [&kernels](Data& data) { kernels.ntt_inverse(data.ours, data.a.data(), data.a.data()); });
        add("multiply" + who, n, bits, [&kernels, n](Data& data) {
            kernels.multiply(data.modulus, n, data.a.data(), data.b.data(), data.out.data());
        });
        add("weighted_sum_of_8" + who, n, bits, [&kernels, n](Data& data) {
            std::vector<einfer::kernels::ScaledTerm> terms(8, {data.a.data(), data.b[0]});
            kernels.weighted_sum(data.modulus, n, terms, 1, data.out.data());
        });
    }
}

}  // namespace

int main(int argc, char** argv) {
    for (const std::size_t n : degrees)
        for (const int bits : prime_bits) add_all(n, bits);
    benchmark::AddCustomContext("kernels", std::string(einfer::kernels::active().name));
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
