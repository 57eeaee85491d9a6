#include "onnx/wire_scan.h"

#include "onnx/refusal.h"

#include <google/protobuf/descriptor.h>
#include <onnx/onnx_pb.h>

#include <algorithm>

namespace einfer::onnx {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr std::size_t message_cost = 384, text_cost = 64, number_cost = 16;
static_assert(std::max({sizeof(::onnx::GraphProto), sizeof(::onnx::NodeProto), sizeof(::onnx::AttributeProto),
                        sizeof(::onnx::TensorProto), sizeof(::onnx::ModelProto), sizeof(::onnx::FunctionProto)}) +
                  2 * sizeof(void*) <=
              message_cost);

class Scan {
public:
    explicit Scan(std::size_t most) : left_(most) {}

    void message(std::span<const std::uint8_t> bytes, const Descriptor& type, int depth) {
        if (depth > max_message_depth) refuse("its parts are nested too deeply");
        while (!bytes.empty()) {
            const std::uint64_t tag = varint(bytes);
            const FieldDescriptor* field =
                tag >> 3 <= FieldDescriptor::kMaxNumber ? type.FindFieldByNumber(static_cast<int>(tag >> 3)) : nullptr;
            switch (tag & 7) {
                case 0:
                    (void)varint(bytes);
                    take(number_cost);
                    break;
                case 1: fixed(bytes, 8); break;
                case 2: nested(part(bytes, varint(bytes)), field, depth); break;
                case 5: fixed(bytes, 4); break;
                default: broken();
            }
        }
    }

private:
    [[noreturn]] static void broken() { refuse("the file is not an ONNX model, or is damaged"); }

    void take(std::size_t cost) {
        if (cost > left_) refuse("the file is so full of small parts that it would take far more memory than its size");
        left_ -= cost;
    }

    static std::uint64_t varint(std::span<const std::uint8_t>& bytes) {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 70 && !bytes.empty(); shift += 7) {
            const std::uint8_t byte = bytes.front();
            bytes = bytes.subspan(1);
            value |= std::uint64_t{byte & 0x7fu} << std::min(shift, 63u);
            if (byte < 0x80) return value;
        }
        broken();
    }

    static std::span<const std::uint8_t> part(std::span<const std::uint8_t>& bytes, std::uint64_t size) {
        if (size > bytes.size()) broken();
        const auto taken = bytes.first(static_cast<std::size_t>(size));
        bytes = bytes.subspan(taken.size());
        return taken;
    }

    void fixed(std::span<const std::uint8_t>& bytes, std::size_t size) {
        (void)part(bytes, size);
        take(number_cost);
    }

    void nested(std::span<const std::uint8_t> bytes, const FieldDescriptor* field, int depth) {
        if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
            take(message_cost);
            message(bytes, *field->message_type(), depth + 1);
        } else if (field == nullptr || field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
            take(text_cost + bytes.size());
        } else {  // numbers, packed: a byte may be one of eight bytes
            const bool as_is = field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT ||
                               field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
            take(number_cost + bytes.size() * (as_is ? 1 : 8));
        }
    }

    std::size_t left_;
};

}  // namespace

void scan_model(std::span<const std::uint8_t> file) {
    Scan(2 * file.size() + (std::size_t{16} << 20)).message(file, *::onnx::ModelProto::descriptor(), 1);
}

}  // namespace einfer::onnx
