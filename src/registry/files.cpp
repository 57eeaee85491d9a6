#include "registry/files.h"

#include "protocol/json_reader.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <set>

namespace einfer::registry {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

constexpr std::uintmax_t max_entry_bytes = 16u << 20;
constexpr std::size_t line_width = 120;

/// On one line. Numbers in the shortest form that reads back as the same.
std::string flat_text(const json::value& value) {
    if (value.is_double()) {
        std::array<char, 32> digits{};
        return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value.get_double()).ptr};
    }
    std::string text;
    if (const json::object* object = value.if_object()) {
        for (const auto& [key, member] : *object)
            text += (text.empty() ? "" : ", ") + json::serialize(json::value(key)) + ": " + flat_text(member);
        return '{' + text + '}';
    }
    if (const json::array* array = value.if_array()) {
        for (const json::value& element : *array) text += (text.empty() ? "" : ", ") + flat_text(element);
        return '[' + text + ']';
    }
    return json::serialize(value);
}

void write_pretty(const json::value& value, std::size_t indent, std::string& text) {
    const std::string flat = flat_text(value);
    if (indent + flat.size() <= line_width || !(value.is_object() || value.is_array())) {
        text += flat;
        return;
    }
    const std::string inner(indent + 2, ' ');
    bool first = true;
    const auto next = [&] {
        text += first ? "\n" : ",\n";
        first = false;
        text += inner;
    };
    if (const json::object* object = value.if_object()) {
        text += '{';
        for (const auto& [key, member] : *object) {
            next();
            text += json::serialize(json::value(key)) + ": ";
            write_pretty(member, indent + 2, text);
        }
        text += '\n' + std::string(indent, ' ') + '}';
        return;
    }
    // Numbers fill their lines.
    text += '[';
    std::size_t column = line_width;
    for (const json::value& element : value.get_array()) {
        const std::string written = flat_text(element);
        if (!element.is_primitive() || column + written.size() + 2 > line_width) {
            next();
            column = inner.size();
        } else {
            text += ", ";
            column += 2;
        }
        write_pretty(element, indent + 2, text);
        column = element.is_primitive() ? column + written.size() : line_width;
    }
    text += '\n' + std::string(indent, ' ') + ']';
}

std::string reason_of(int error) { return std::strerror(error); }

}  // namespace

FileText read_file(const fs::path& path, std::uintmax_t max_bytes) {
    std::error_code ec;
    const std::uintmax_t size = fs::file_size(path, ec);
    if (ec) return Unreadable{"the file cannot be read"};
    if (size > max_bytes) return Unreadable{"the file is larger than " + std::to_string(max_bytes >> 20) + " MiB"};
    std::ifstream stream(path, std::ios::binary);
    std::string text(size, '\0');
    if (!stream.read(text.data(), static_cast<std::streamsize>(size)) ||
        stream.peek() != std::ifstream::traits_type::eof())
        return Unreadable{"the file cannot be read"};
    return text;
}

std::optional<std::string> write_file(const fs::path& path, std::string_view text) {
    const std::string temporary = path.string() + ".new";
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) return temporary + ": " + reason_of(errno);
    int error = 0;
    while (!text.empty() && error == 0) {
        const ssize_t written = ::write(file, text.data(), text.size());
        if (written >= 0)
            text.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            error = errno;
    }
    if (error == 0 && ::fsync(file) != 0) error = errno;
    ::close(file);
    if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
    if (error == 0) return std::nullopt;
    ::unlink(temporary.c_str());
    return path.string() + ": " + reason_of(error);
}

boost::system::result<json::value, Fault> read_document(const fs::path& path) {
    const std::string file = path.filename();
    const FileText text = read_file(path, max_entry_bytes);
    if (!text) return Fault{file, "schema", "", text.error()};
    return parse_document(*text, file);
}

boost::system::result<json::value, Fault> parse_document(std::string_view text, const std::string& file) {
    protocol::JsonLimits limits;
    limits.max_string_bytes = 16 * 1024;
    limits.max_text_bytes = max_entry_bytes;
    limits.max_values = max_entry_bytes / 8;
    auto document = protocol::parse_json(text, limits);
    if (document) return *std::move(document);
    std::string byte;
    for (const auto& [name, value] : document.error().details)
        if (name == "byte") byte = " (byte " + value + ")";
    return Fault{file, "schema", "", document.error().message + byte};
}

std::vector<fs::path> entry_files(const fs::path& directory) {
    std::vector<fs::path> files;
    std::error_code ec;
    for (fs::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec))
        if (entry->path().extension() == ".json") files.push_back(entry->path());
    std::ranges::sort(files);
    return files;
}

void remove_unnamed_weights(const fs::path& directory, std::string_view model_id) {
    std::set<std::string> named;
    for (const fs::path& path : entry_files(directory)) {
        const auto document = read_document(path);
        // What cannot be read may name any of them.
        if (!document) return;
        const json::object* object = document->if_object();
        const json::value* weights = object == nullptr ? nullptr : object->if_contains("weights");
        const json::value* file =
            weights != nullptr && weights->is_object() ? weights->get_object().if_contains("file") : nullptr;
        if (file != nullptr && file->is_string()) named.emplace(file->get_string());
    }
    const std::string begins = std::string(model_id) + '.';
    std::error_code ec;
    for (fs::directory_iterator entry(directory, ec), end; !ec && entry != end; entry.increment(ec)) {
        const std::string name = entry->path().filename();
        if (name.starts_with(begins) && name.ends_with(".weights") && !named.contains(name)) {
            std::error_code ignored;
            fs::remove(entry->path(), ignored);
        }
    }
}

std::string pretty(const json::object& object) {
    std::string text;
    write_pretty(object, 0, text);
    return text + '\n';
}

Fault schema_fault(const std::string& file, const Error& error) {
    std::string field;
    for (const auto& [name, value] : error.details)
        if (name == "pointer") field = value;
    const std::string where = '"' + field + "\" ";
    std::string reason = error.message;
    if (reason.starts_with(where)) reason.erase(0, where.size());
    return {file, "schema", field, reason};
}

}  // namespace einfer::registry
