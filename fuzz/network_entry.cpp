// Registry entries of v1.1 with their weights: a JSON file and a file of numbers beside it.
//
// Oracle: an accepted entry has stages, an error bound within its tolerance where the plan can be proved, and, written
// and read again, the same digest. A refused one says why, and of which kind. Memory stays bounded.
#include "registry/network_entry.h"
#include "base/sha256.h"
#include "common/allocations.h"
#include "common/input.h"
#include "common/require.h"
#include "registry/files.h"

#include <unistd.h>
#include <boost/json/object.hpp>

#include <fstream>

namespace einfer::fuzz {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view weights_file = "m.weights";

/// An empty directory of this process.
const fs::path& folder(const char* name) {
    static const fs::path root = fs::temp_directory_path() / ("fuzz-network-entry-" + std::to_string(::getpid()));
    static fs::path made;
    made = root / name;
    fs::remove_all(made);
    fs::create_directories(made);
    return made;
}

void store(const fs::path& path, std::span<const std::uint8_t> bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

/// Names the file and its digest, so that what is behind them is reached.
void make_right(boost::json::value& document, std::span<const std::uint8_t> weights) {
    auto* object = document.if_object();
    auto* named = object != nullptr ? object->if_contains("weights") : nullptr;
    if (named == nullptr || !named->is_object()) return;
    Sha256 digest;
    digest.update(weights);
    named->as_object()["file"] = weights_file;
    named->as_object()["sha256"] = digest.hex_digest();
}

registry::NetworkModel written_and_read(const registry::NetworkModel& model, const char* name) {
    const registry::WrittenEntry written = registry::write_network_entry(model, folder(name));
    require(!written.fault, "what was read can be written", written.fault.value_or(""));
    auto back = registry::read_network_entry(written.entry);
    require(back.has_value(), "what was written can be read", back ? "" : back.error().to_string());
    return *std::move(back);
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t mode = input.byte();
    const std::size_t text_bytes = input.byte() + 256u * input.byte();
    const auto text = input.take(text_bytes);
    const std::vector<std::uint8_t> weights(input.rest().begin(), input.rest().end());
    auto document = registry::parse_document({reinterpret_cast<const char*>(text.data()), text.size()}, "m.json");
    if (!document) return 0;
    if ((mode & 1) == 0) make_right(*document, weights);
    const fs::path directory = folder("read");
    store(directory / weights_file, weights);

    const Allocations allocations;
    const auto model = registry::parse_network_entry(*document, "m.json", directory);
    require_below(allocations, std::size_t{2} << 30, "an entry takes bounded memory");
    if (!model) {
        const registry::Fault& fault = model.error();
        require(!fault.file.empty() && !fault.reason.empty() &&
                    (fault.category == "schema" || fault.category == "semantic"),
                "a fault says what is wrong", fault.to_string());
        return 0;
    }
    require(!model->stages.empty(), "an accepted model computes something");
    require(model->lower.size() == model->network.input.size() && model->upper.size() == model->lower.size(),
            "each feature has a range");
    const registry::NetworkModel back = written_and_read(*model, "written");
    require(back.stages.size() == model->stages.size(), "it has the same stages");
    for (std::size_t i = 0; i < back.stages.size(); ++i)
        require(back.stages[i].matrix.values == model->stages[i].matrix.values &&
                    back.stages[i].bias == model->stages[i].bias,
                "it has the same numbers");
    require(written_and_read(back, "again").plan_digest == back.plan_digest, "it means the same");
    return 0;
}
