// Compact answers of the layout `coefficients`, as the client reads them.
//
// Oracle: accepted bytes are exactly as long as the shape says, hold numbers below 2^bits and no second polynomial that
// is zero, and written again they are the same bytes. Memory is that of the answer, and none before its size is proved.
#include "common/allocations.h"
#include "common/input.h"
#include "common/require.h"
#include "wire/compact.h"

#include <algorithm>

namespace einfer::fuzz {
namespace {

/// A valid shape, small enough that an answer is a few kilobytes.
wire::CompactShape shape_from(Input& input) {
    wire::CompactShape shape;
    shape.poly_modulus_degree = 1024;
    shape.bits = 1 + input.byte() % wire::max_compact_bits;
    for (unsigned left = 1 + input.byte() % 3; left > 0; --left) shape.value_counts.push_back(1 + input.byte());
    return shape;
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    Input input(data, size);
    const wire::CompactShape shape = shape_from(input);
    const std::uint8_t mode = input.byte();
    std::vector<std::uint8_t> bytes(input.rest().begin(), input.rest().end());
    if ((mode & 1) != 0) bytes.resize(shape.size(), mode);  // few bytes become a whole answer

    const Allocations allocations;
    const auto results = wire::read_compact(bytes, shape);
    if (!results) {
        require_below(allocations, bytes.size() == shape.size() ? 1u << 20 : 1u << 14, "a refusal takes no memory");
        return 0;
    }
    require(bytes.size() == shape.size(), "an answer has the size of its shape");
    require(results->size() == shape.value_counts.size(), "each result is there");
    const auto below = [&](std::uint64_t number) { return number >> shape.bits == 0; };
    for (std::size_t i = 0; i < results->size(); ++i) {
        const wire::CompactResult& result = (*results)[i];
        require(result.values.size() == shape.value_counts[i] && result.second.size() == shape.poly_modulus_degree,
                "a result has its numbers");
        require(std::ranges::all_of(result.values, below) && std::ranges::all_of(result.second, below),
                "numbers are below 2^bits");
        require(std::ranges::any_of(result.second, [](std::uint64_t number) { return number != 0; }),
                "the second polynomial is not zero");
    }
    require(wire::write_compact(shape, *results) == bytes, "written again it is the same");
    return 0;
}
