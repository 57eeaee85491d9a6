#include "api_key.h"

#include "row_reader.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace einfer::cli {
namespace {

constexpr std::size_t max_file_bytes = 4096;

void warn_if_others_may_read(const std::string& file) {
    struct stat info {};
    if (stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & S_IROTH) == 0) return;
    std::fprintf(stderr, "einfer: warning: every user of this machine may read the API key file %s\n", file.c_str());
}

}  // namespace

std::string read_api_key(const std::string& file) {
    if (file.empty()) {
        const char* const key = std::getenv("EINFER_API_KEY");
        return key != nullptr ? key : "";
    }
    const auto wrong = [&](const std::string& why) { return InputError("API key file " + file + ": " + why); };
    std::ifstream in(file, std::ios::binary);
    if (!in) throw wrong(std::string("cannot be opened: ") + std::strerror(errno));
    std::string key(max_file_bytes + 1, '\0');
    in.read(key.data(), static_cast<std::streamsize>(key.size()));
    if (in.bad()) throw wrong("cannot be read");
    key.resize(static_cast<std::size_t>(in.gcount()));
    if (key.size() > max_file_bytes) throw wrong("is too long for one");
    if (key.ends_with('\n')) key.pop_back();
    if (key.ends_with('\r')) key.pop_back();
    if (key.empty()) throw wrong("is empty");
    if (key.find('\n') != std::string::npos) throw wrong("has more than one line");
    warn_if_others_may_read(file);
    return key;
}

}  // namespace einfer::cli
