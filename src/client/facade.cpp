// einfer::Client and einfer::Error. This is the one source that turns failures into exceptions. It must not see
// base/error.h, whose Error is another one.
#include "client/engine.h"
#include "einfer/client.h"

#include <string_view>
#include <utility>

namespace einfer::inline v1_1 {
namespace {

static_assert(std::string_view(EINFER_VERSION) == EINFER_BUILD_VERSION, "include/einfer/version.h is out of date");

[[noreturn]] void raise(const client::Failure& failure) {
    throw Error(failure.kind, failure.message, failure.code, failure.http_status, failure.request_id, failure.row);
}

template <class T>
T value_of(client::Outcome<T> outcome) {
    if (!outcome) raise(outcome.error());
    return *std::move(outcome);
}

/// What else is thrown below (a system without random numbers, say) becomes an Error as well. What the caller's
/// Progress throws must pass through, so it is told apart by having been thrown from there.
template <class Call>
auto guarded(const Progress* progress, const Call& call) {
    bool thrown_by_progress = false;
    Progress watched;
    if (progress != nullptr && *progress)
        watched = [&](std::size_t done, std::size_t total) {
            thrown_by_progress = true;
            (*progress)(done, total);
            thrown_by_progress = false;
        };
    try {
        return call(watched);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const Error&) {
        throw;
    } catch (const std::exception&) {
        if (thrown_by_progress) throw;
        throw Error(ErrorKind::Crypto, "a library that this client needs failed unexpectedly");
    }
}

}  // namespace

const char* library_version() noexcept { return EINFER_VERSION; }

struct Error::Details {
    ErrorKind kind;
    std::string code;
    int http_status;
    std::string request_id;
    std::optional<std::size_t> row;
};

Error::Error(ErrorKind kind, const std::string& message, const std::string& code, int http_status,
             const std::string& request_id, std::optional<std::size_t> row)
    : std::runtime_error(message), details_(std::make_shared<Details>(kind, code, http_status, request_id, row)) {}
Error::Error(const Error&) noexcept = default;
Error& Error::operator=(const Error&) noexcept = default;
Error::~Error() = default;

ErrorKind Error::kind() const noexcept { return details_->kind; }
const std::string& Error::code() const noexcept { return details_->code; }
int Error::http_status() const noexcept { return details_->http_status; }
const std::string& Error::request_id() const noexcept { return details_->request_id; }
std::optional<std::size_t> Error::row() const noexcept { return details_->row; }

class Client::Impl {
public:
    explicit Impl(ClientOptions options)
        : engine(guarded(nullptr,
                         [&](const Progress&) { return value_of(client::Engine::create(std::move(options))); })) {}

    Predictions infer(std::string_view model_id, std::string_view version,
                      std::span<const std::span<const double>> rows, const Progress& progress) {
        return guarded(&progress, [&](const Progress& watched) {
            return value_of(engine.infer(model_id, version, rows, watched));
        });
    }

    client::Engine engine;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

std::vector<Model> Client::models() {
    return guarded(nullptr, [&](const Progress&) { return value_of(impl_->engine.models()); });
}

Model Client::model(std::string_view model_id, std::string_view version) {
    return guarded(nullptr, [&](const Progress&) { return value_of(impl_->engine.model(model_id, version)); });
}

Predictions Client::infer(std::string_view model_id, std::string_view version,
                          const std::vector<std::vector<double>>& rows, const Progress& progress) {
    const std::vector<std::span<const double>> views(rows.begin(), rows.end());
    return impl_->infer(model_id, version, views, progress);
}

Predictions Client::infer(std::string_view model_id, std::string_view version, std::span<const double> values,
                          std::size_t dimension, const Progress& progress) {
    if (dimension == 0 || values.size() % dimension != 0)
        throw Error(ErrorKind::InvalidArgument, std::to_string(values.size()) + " numbers do not make whole rows of " +
                                                    std::to_string(dimension) + " features");
    std::vector<std::span<const double>> views;
    views.reserve(values.size() / dimension);
    for (; !values.empty(); values = values.subspan(dimension)) views.push_back(values.first(dimension));
    return impl_->infer(model_id, version, views, progress);
}

void Client::forget_evaluation_keys() {
    guarded(nullptr, [&](const Progress&) {
        if (const auto forgotten = impl_->engine.forget_evaluation_keys(); !forgotten) raise(forgotten.error());
    });
}

JobStatus Client::job(std::string_view id) {
    return guarded(nullptr, [&](const Progress&) { return value_of(impl_->engine.job(id)); });
}

}  // namespace einfer::inline v1_1
