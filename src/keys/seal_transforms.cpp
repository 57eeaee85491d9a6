// In the client, SEAL's number-theoretic transforms run on our kernels, as they would on Intel HEXL in a SEAL built
// with it. The linker's --wrap (src/client/CMakeLists.txt) sends every call of the four functions that SEAL defines in
// util/ntt.cpp here; what has no tables of ours goes on to SEAL. docs/adr/0005 has the reasons.
//
// Secrets pass through here: secret keys, noise, encoded plaintexts, decryptions. No kernel's transform branches on
// values, uses them as addresses or divides by or with them: they are products, sums, minima (of the vector
// instructions, or kernels::subtract_once() in scalar.cpp and below) and fixed permutations.
//
// What is exchanged is exact arithmetic with one right result: SEAL's order of roots is ours, so transforms that SEAL
// leaves canonical are the same words, and "lazy" ones, which SEAL leaves below 4p (2p the inverse), are canonical too.
#include "kernels/kernels.h"
#include "keys/transform_tables.h"

#include <seal/util/ntt.h>

namespace einfer::keys {
namespace {

using seal::util::CoeffIter;
using seal::util::NTTTables;

SharedTables tables_for(const NTTTables& tables) { return find_tables(tables.coeff_count(), tables.modulus().value()); }

/// False when there are no tables. SEAL's values are below 4p, as our kernels expect.
bool forward(CoeffIter values, const NTTTables& seal_tables) {
    const SharedTables tables = tables_for(seal_tables);
    if (!tables) return false;
    kernels::active().ntt_forward(*tables, values, values);
    count_transform();
    return true;
}

/// SEAL's values are below 2p; our kernels expect canonical ones.
bool inverse(CoeffIter values, const NTTTables& seal_tables) {
    const SharedTables tables = tables_for(seal_tables);
    if (!tables) return false;
    const kernels::Modulus& modulus = tables->modulus();
    std::uint64_t* const words = values;
    for (std::size_t i = 0; i < tables->size(); ++i) words[i] = modulus.below(words[i]);
    kernels::active().ntt_inverse(*tables, words, words);
    count_transform();
    return true;
}

}  // namespace

// The linker's names. X is what SEAL calls X; the types, and so the ABI, are SEAL's own.
#define SEAL_FUNCTION(name) "_ZN4seal4util" name "ENS0_7PtrIterIPmEERKNS0_9NTTTablesE"
#define REPLACES(name) __asm__("__wrap_" SEAL_FUNCTION(name))
#define IS_SEALS(name) __asm__("__real_" SEAL_FUNCTION(name))

void seal_forward(CoeffIter values, const NTTTables& tables) IS_SEALS("21ntt_negacyclic_harvey");
void seal_forward_lazy(CoeffIter values, const NTTTables& tables) IS_SEALS("26ntt_negacyclic_harvey_lazy");
void seal_inverse(CoeffIter values, const NTTTables& tables) IS_SEALS("29inverse_ntt_negacyclic_harvey");
void seal_inverse_lazy(CoeffIter values, const NTTTables& tables) IS_SEALS("34inverse_ntt_negacyclic_harvey_lazy");

void our_forward(CoeffIter values, const NTTTables& tables) REPLACES("21ntt_negacyclic_harvey");
void our_forward_lazy(CoeffIter values, const NTTTables& tables) REPLACES("26ntt_negacyclic_harvey_lazy");
void our_inverse(CoeffIter values, const NTTTables& tables) REPLACES("29inverse_ntt_negacyclic_harvey");
void our_inverse_lazy(CoeffIter values, const NTTTables& tables) REPLACES("34inverse_ntt_negacyclic_harvey_lazy");

void our_forward(CoeffIter values, const NTTTables& tables) {
    if (!forward(values, tables)) seal_forward(values, tables);
}

void our_forward_lazy(CoeffIter values, const NTTTables& tables) {
    if (!forward(values, tables)) seal_forward_lazy(values, tables);
}

void our_inverse(CoeffIter values, const NTTTables& tables) {
    if (!inverse(values, tables)) seal_inverse(values, tables);
}

void our_inverse_lazy(CoeffIter values, const NTTTables& tables) {
    if (!inverse(values, tables)) seal_inverse_lazy(values, tables);
}

}  // namespace einfer::keys
