#include "importing/model_file.h"

#include "base/sha256.h"
#include "importing/refusal.h"
#include "onnx/import.h"

#include <fstream>
#include <vector>

namespace einfer::importing {

Result<SourceModel> read_model(const std::filesystem::path& path) {
    std::error_code ec;
    const std::uintmax_t size = std::filesystem::file_size(path, ec);
    if (ec) return refusal("", "it cannot be read: " + ec.message());
    const std::size_t most = onnx::ImportLimits().max_file_bytes;
    if (size > most) return refusal("", "it has more than " + std::to_string(most >> 20) + " MiB");
    std::ifstream stream(path, std::ios::binary);
    std::vector<std::uint8_t> bytes(size);
    if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
        return refusal("", "it cannot be read");

    auto network = onnx::import(bytes);
    if (!network) {
        const std::string node = network.error().details.empty() ? "" : detail(network.error(), "node");
        return refusal(node, detail(network.error(), "reason"));
    }
    Sha256 digest;
    digest.update(bytes);
    return SourceModel{*std::move(network), path.filename(), digest.hex_digest()};
}

}  // namespace einfer::importing
