#include "server/infer_upload.h"

#include "base/ids.h"
#include "inference/packed_inputs.h"

namespace einfer::server {
namespace {

Error at_input(Error error, std::size_t index) {
    error.details.emplace_back("input", std::to_string(index));
    return error;
}

std::size_t largest_ciphertext(const ServedModel& model) {
    const he::Context& context = *model.context;
    return wire::max_serialized_size(2, context.poly_modulus_degree(), context.data_prime_count());
}

}  // namespace

InferUpload::InferUpload(const Catalog& catalog, MemoryBudget& budget, std::uint64_t binary_header_bytes)
    : catalog_(catalog),
      limits_{.max_serialized_bytes = catalog.limits().max_ciphertext_bytes,
              .max_words = catalog.limits().max_ciphertext_words,
              .min_size = 2,
              .max_size = 2,
              .levels = catalog.input_levels(),
              .budget = &budget},
      envelope_(budget) {
    const std::size_t largest = catalog.limits().max_ciphertext_bytes;
    protocol::PayloadSink& sink = *this;
    if (binary_header_bytes > 0)
        parser_.emplace<protocol::BinaryRequestParser>(binary_header_bytes, largest, sink);
    else
        parser_.emplace<protocol::InferRequestParser>(largest, sink, &budget);
}

void InferUpload::feed(std::string_view chunk) {
    if (chunk.empty()) return;
    last_piece_ = std::chrono::steady_clock::now();
    if (first_piece_ == Time()) first_piece_ = last_piece_;
    parse(chunk);
    validating_ += std::chrono::steady_clock::now() - last_piece_;
}

void InferUpload::parse(std::string_view chunk) {
    const std::size_t memory = std::visit(
        [&]<class Parser>(Parser& parser) -> std::size_t {
            if constexpr (std::is_same_v<Parser, std::monostate>) {
                return 0;
            } else {
                parser.feed(chunk);
                return parser.envelope_memory();
            }
        },
        parser_);
    if (parser_.index() == 0 || envelope_.grow(memory - envelope_.bytes())) return;
    parser_.emplace<std::monostate>();
    input_.reset();
    inputs_.clear();
    envelope_.release();
}

void InferUpload::begin_input() {
    if (!refused_) input_.emplace(limits_);
}

void InferUpload::input_bytes(std::span<const std::uint8_t> bytes) {
    if (!input_) return;
    digest_.update(bytes);
    input_->feed(bytes);
}

void InferUpload::end_input() {
    if (!input_) return;
    inputs_.push_back(input_->finish());
    input_.reset();
    if (inputs_.back()) return;
    // What is wrong with an earlier one can only be its metadata, which is judged later than this. What the earlier
    // ones hold may be what another request waits for.
    refused_ = true;
    for (auto& input : inputs_) {
        if (!input) continue;
        wire::Ciphertext emptied;
        emptied.seal_minor = input->seal_minor;
        input = std::move(emptied);
    }
}

Result<std::vector<wire::Ciphertext>> InferUpload::take_ciphertexts(const ServedModel& model) {
    const he::Context& context = *model.context;
    const wire::CiphertextRules rules{
        .parms_id = context.parms_id(context.data_prime_count()),
        .key_parms_id = context.key_parms_id(),
        .poly_modulus_degree = context.poly_modulus_degree(),
        .primes = context.level_primes(context.data_prime_count()),
        .scale = model.view.scale,
    };
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (!inputs_[i]) return at_input(inputs_[i].error(), i);
        if (inputs_[i]->seal_minor != inputs_[0]->seal_minor)
            return at_input({ErrorCode::InvalidCiphertext, "the inputs were written by different SEAL versions"}, i);
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i)
        if (const auto checked = wire::check_metadata(*inputs_[i], rules); !checked)
            return at_input(checked.error(), i);
    std::vector<wire::Ciphertext> ciphertexts;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
        if (const auto checked = wire::check_words(*inputs_[i], rules); !checked) return at_input(checked.error(), i);
        ciphertexts.push_back(*std::move(inputs_[i]));
    }
    return ciphertexts;
}

Result<jobs::Submission> InferUpload::finish(std::string tenant) {
    const Time begun = std::chrono::steady_clock::now();
    auto verdict = judge(std::move(tenant));
    validating_ += std::chrono::steady_clock::now() - begun;
    return verdict;
}

Result<protocol::InferRequest> InferUpload::finish_parser() {
    return std::visit(
        []<class Parser>(Parser& parser) -> Result<protocol::InferRequest> {
            if constexpr (std::is_same_v<Parser, std::monostate>)
                return Error{ErrorCode::Overloaded, "the server's memory budget is used up; try again later"};
            else
                return parser.finish();
        },
        parser_);
}

Result<jobs::Submission> InferUpload::judge(std::string tenant) {
    const auto request = finish_parser();
    envelope_.release();
    if (!request) return request.error();
    const auto found = catalog_.find(request->model_id, request->version);
    if (!found) return found.error();
    const ServedModel& model = **found;
    const std::size_t max_batch_size = model.view.max_batch_size;
    if (request->batch_size > max_batch_size)
        return Error{ErrorCode::BatchTooLarge,
                     "batch_size is above the model's max_batch_size",
                     {{"max_batch_size", std::to_string(max_batch_size)}}};
    const std::size_t expected = model.view.input_ciphertexts();
    if (request->payloads.size() != expected)
        return Error{ErrorCode::WrongInputCount,
                     model.view.v1_0 ? "the model takes one ciphertext a feature"
                                     : "the model takes another number of ciphertexts: see packing in GET /models",
                     {{"expected", std::to_string(expected)}, {"received", std::to_string(request->payloads.size())}}};
    if (request->result_format == protocol::ResultFormat::Compact && !model.view.compact_results)
        return Error{ErrorCode::SchemaViolation,
                     "the model has no such result_format",
                     {{"pointer", "/result_format"}, {"rule", "enum"}}};
    if (request->payloads_fault) return *request->payloads_fault;
    const std::size_t largest = largest_ciphertext(model);
    for (std::size_t i = 0; i < request->payloads.size(); ++i) {
        if (request->payloads[i].fault) return at_input(*request->payloads[i].fault, i);
        if (request->payloads[i].bytes > largest)
            return at_input({ErrorCode::PayloadTooLarge, "a payload is longer than the model's largest ciphertext"}, i);
    }

    auto ciphertexts = take_ciphertexts(model);
    if (!ciphertexts) return ciphertexts.error();
    // The packed form is not taken from the budget: it counts for the queue's bound as soon as this returns, and only
    // as many requests are here at a time as there are I/O threads. Of requests that fill the budget together, each
    // would hold what the others need for it.
    row_capacity_ = model.executable->rows_told(request->batch_size);
    jobs::Submission submission;
    submission.id = random_id();
    submission.tenant = std::move(tenant);
    submission.received_at = last_piece_;
    submission.model_id = request->model_id;
    submission.model_version = request->version;
    submission.encoding = protocol::name(request->encoding);
    submission.request_digest = digest_.hex_digest();
    submission.batch_size = request->batch_size;
    submission.evaluation_key_id = request->evaluation_key_id;
    submission.result_format = protocol::name(request->result_format);
    submission.seal_minor = ciphertexts->front().seal_minor;
    submission.inputs =
        std::make_shared<const jobs::Bytes>(inference::pack_inputs(*ciphertexts, model.executable->kept_primes()));
    submission.result_bytes = model.executable->result_bytes(request->batch_size, request->result_format);
    return submission;
}

}  // namespace einfer::server
