#include "load/crew.h"
#include "load/load.h"

#include "einfer/client.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <stdexcept>

namespace einfer::bench {
namespace {

double clear_answer(const Model& model, std::span<const double> row) {
    double z = model.bias;
    for (std::size_t i = 0; i < row.size(); ++i) z += model.weights[i] * row[i];
    return model.coefficients[0] + model.coefficients[1] * z + model.coefficients[2] * z * z;
}

class Caller {
public:
    Caller(const LoadOptions& options, std::size_t number)
        : options_(options), number_(number), client_(options.client) {
        for (Model& model : client_.models())
            if (model.id == options.model && (options.version.empty() || model.version == options.version))
                model_ = std::move(model);
        if (!model_) throw std::runtime_error("the server has no model " + options.model);
        rows_ = options.data.empty() ? made_up_rows(options.rows, model_->input_dimension, number)
                                     : rows_of_file(options.data, options.rows, model_->input_dimension);
    }

    /// Makes the keys and meets every page of memory once.
    void warm_up() {
        for (std::size_t i = 0; i < std::max<std::size_t>(options_.warm_up, 1); ++i) {
            const Predictions answer = call();
            if (i > 0) continue;
            key_seconds = answer.timings.keys;
            first_bytes = answer.bytes_sent;
        }
    }

    void measure(SteadyClock::time_point start) {
        for (std::size_t i = 0; i < options_.requests; ++i) {
            const auto begin = SteadyClock::now();
            const Predictions answer = call();
            const auto end = SteadyClock::now();
            samples.push_back({.client = number_,
                               .start = seconds_between(start, begin),
                               .seconds = seconds_between(begin, end),
                               .encrypt = answer.timings.encrypt,
                               .round_trip = answer.timings.round_trip,
                               .decrypt = answer.timings.decrypt,
                               .sent = answer.bytes_sent,
                               .received = answer.bytes_received});
            last_ = answer;
        }
    }

    [[nodiscard]] const std::vector<double>& answers() const { return last_.values; }

    /// Of the last answer, when the clock has stopped. Other layouts do not tell their weights.
    [[nodiscard]] double largest_error() const {
        double largest = 0;
        if (model_->layout != Layout::FeatureColumns) return largest;
        const std::span<const double> rows(rows_);
        for (std::size_t i = 0; i < last_.values.size(); ++i) {
            const double right =
                clear_answer(*model_, rows.subspan(i * model_->input_dimension, model_->input_dimension));
            largest = std::max(largest, std::abs(last_.values[i] - right));
        }
        return largest;
    }
    [[nodiscard]] double error_bound() const { return last_.error_bound; }

    std::vector<Sample> samples;
    double key_seconds = 0;
    std::uint64_t first_bytes = 0;

private:
    Predictions call() { return client_.infer(model_->id, model_->version, rows_, model_->input_dimension); }

    const LoadOptions& options_;
    std::size_t number_;
    Client client_;
    std::optional<Model> model_;
    std::vector<double> rows_;
    Predictions last_;
};

}  // namespace

std::vector<double> made_up_rows(std::size_t count, std::size_t dimension, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> values(-1, 1);
    std::vector<double> rows(count * dimension);
    std::ranges::generate(rows, [&] { return values(random); });
    return rows;
}

std::vector<double> rows_of_file(const std::string& path, std::size_t count, std::size_t dimension) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    std::vector<double> rows;
    while (rows.size() < count * dimension && std::getline(file, text)) {
        std::stringstream line(text);
        for (std::string cell; std::getline(line, cell, ',');) rows.push_back(std::stod(cell));
        if (rows.size() % dimension != 0) throw std::runtime_error(path + " has rows of another length");
    }
    if (rows.size() != count * dimension) throw std::runtime_error(path + " has fewer rows");
    return rows;
}

Load run_clients(const LoadOptions& options) {
    std::vector<std::optional<Caller>> callers(options.clients);
    Load load;
    load.wall_seconds = run_crew(
        options.clients, [&](std::size_t number) { callers[number].emplace(options, number).warm_up(); },
        [&](std::size_t number, SteadyClock::time_point start) { callers[number]->measure(start); });
    for (const auto& caller : callers) {
        load.samples.insert(load.samples.end(), caller->samples.begin(), caller->samples.end());
        load.key_seconds += caller->key_seconds / static_cast<double>(options.clients);
        load.largest_error = std::max(load.largest_error, caller->largest_error());
        load.error_bound = std::max(load.error_bound, caller->error_bound());
    }
    load.key_bytes = callers.front()->first_bytes;
    load.answers = callers.front()->answers();
    return load;
}

}  // namespace einfer::bench
