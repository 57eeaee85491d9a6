#include "inference/slots_packing.h"

#include "inference/slots_gather.h"

#include <algorithm>
#include <set>

namespace einfer::inference {
namespace {

constexpr int max_diagonal_bits = 9;
constexpr int max_fold_bits = 3;

std::size_t two_to(std::size_t bits) { return std::size_t{1} << bits; }
std::size_t as_size(int value) { return static_cast<std::size_t>(value); }

/// The circuit of a choice: everything but the numbers.
struct Frame {
    std::size_t unit = 1;                    ///< between two diagonals
    std::size_t diagonals = 1;               ///< indices 0, unit, 2 · unit, …
    std::size_t fold_from = 0, fold_to = 0;  ///< bits that are folded
    std::size_t low = 0, high = 0;           ///< of the output

    [[nodiscard]] std::vector<std::vector<int>> folds(int bits_at_once) const {
        std::vector<std::vector<int>> sets;
        for (std::size_t bit = fold_from; bit < fold_to;) {
            const std::size_t bits = std::min(as_size(bits_at_once), fold_to - bit);
            std::vector<int>& steps = sets.emplace_back();
            for (std::size_t i = 1; i < two_to(bits); ++i) steps.push_back(static_cast<int>(i * two_to(bit)));
            bit += bits;
        }
        return sets;
    }
};

Frame first_frame(const StagePacking& choice) {
    const std::size_t groups = as_size(choice.free_bits), each = as_size(choice.diagonal_bits);
    const std::size_t inputs = as_size(choice.input_bits);
    if (choice.fold == Fold::High)
        return {two_to(groups), two_to(each), groups + each, groups + inputs, 0, groups + each};
    const std::size_t low = inputs - each;
    return {two_to(low), two_to(each), 0, low, low, inputs + groups};
}

Frame later_frame(const StagePacking& choice, std::size_t outputs, std::size_t low, std::size_t high) {
    const std::size_t free = as_size(choice.free_bits), each = as_size(choice.diagonal_bits);
    if (choice.fold == Fold::High) {
        // In garbage, slot v reads the next slot of a value, so that indices of diagonals are not negative: for want of
        // upper bits only as many as there are outputs.
        const std::size_t count = each == 0 ? outputs : two_to(free + each);
        return {two_to(low - free), count, low + each, high, low - free, low + each};
    }
    const std::size_t from = high - each;
    return {two_to(from), two_to(each), low, from, from, high + free};
}

/// Fills in the numbers: each slot that sums for an output reads each of its elements once.
class Filling {
public:
    Filling(const Matrix& matrix, std::span<const std::vector<std::int32_t>> inputs, const Frame& frame,
            std::size_t slots)
        : matrix_(matrix), inputs_(inputs), frame_(frame), slots_(slots), seen_(matrix.columns) {
        members_.push_back(0);
        for (std::size_t bit = frame.fold_from; bit < frame.fold_to; ++bit)
            for (std::size_t i = members_.size(); i-- > 0;) members_.push_back(members_[i] + two_to(bit));
        packed_.diagonals.resize(inputs.size());
    }

    /// Slot `slot` is to hold output `row` after the folds. False when it would not see all elements.
    bool add(std::size_t slot, std::size_t row) {
        ++stamp_;
        std::size_t missing = 0;
        for (std::size_t column = 0; column < matrix_.columns; ++column) missing += matrix_.at(row, column) != 0;
        for (const std::size_t member : members_) {
            const std::size_t at = (slot + member) % slots_;
            for (std::size_t t = 0; t < inputs_.size(); ++t)
                for (std::size_t d = 0; d < frame_.diagonals; ++d) {
                    const std::size_t step = d * frame_.unit;
                    const std::int32_t element = inputs_[t][(at + step) % slots_];
                    if (element < 0 || seen_[static_cast<std::size_t>(element)] == stamp_) continue;
                    seen_[static_cast<std::size_t>(element)] = stamp_;
                    const double weight = matrix_.at(row, static_cast<std::size_t>(element));
                    if (weight == 0) continue;
                    --missing;
                    std::vector<double>& diagonal = packed_.diagonals[t][static_cast<int>(step)];
                    diagonal.resize(slots_);
                    diagonal[at] = weight;
                }
        }
        return missing == 0;
    }

    [[nodiscard]] PackedMatrix take(const StagePacking& choice) {
        packed_.baby_count = static_cast<int>(frame_.unit * two_to(as_size(choice.baby_bits)));
        packed_.folds = frame_.folds(choice.fold_bits);
        packed_.output.low = frame_.low;
        packed_.output.high = frame_.high;
        return std::move(packed_);
    }

private:
    const Matrix& matrix_;
    const std::span<const std::vector<std::int32_t>> inputs_;
    const Frame& frame_;
    const std::size_t slots_;
    std::vector<std::size_t> seen_;
    std::size_t stamp_ = 0;
    std::vector<std::size_t> members_;
    PackedMatrix packed_;
};

Error unusable() { return {ErrorCode::Internal, "the packing does not fit the matrix"}; }

/// `output_at`: of a slot below 2^high, the output that it is to hold, or −1.
template <class OutputAt>
Result<PackedMatrix> fill(const Matrix& matrix, std::span<const std::vector<std::int32_t>> inputs, const Frame& frame,
                          const StagePacking& choice, std::size_t slots, OutputAt output_at) {
    Filling filling(matrix, inputs, frame, slots);
    std::vector<std::int32_t> content(slots, -1);
    std::vector<bool> made(matrix.rows);
    const std::size_t period = two_to(frame.high);
    for (std::size_t slot = 0; slot < slots; slot += two_to(frame.low)) {
        const std::int32_t row = output_at(slot % period);
        if (row < 0 || as_size(row) >= matrix.rows) continue;
        content[slot] = row;
        made[as_size(row)] = true;
        // Folds repeat the result above (High): only what they do not reach is summed for itself.
        if (choice.fold == Fold::High && slot % two_to(frame.fold_to) >= period) continue;
        if (!filling.add(slot, as_size(row))) return unusable();
    }
    if (!std::all_of(made.begin(), made.end(), [](bool each) { return each; })) return unusable();
    PackedMatrix packed = filling.take(choice);
    for (const auto& diagonals : packed.diagonals)
        if (diagonals.empty()) return unusable();  // nothing depends on that input
    packed.output.content = std::move(content);
    return packed;
}

void add_splits(std::vector<StagePacking>& choices, StagePacking choice, std::size_t diagonals, bool folds) {
    for (int baby = 0; two_to(as_size(baby)) < 2 * diagonals; ++baby)
        for (int fold = 1; fold <= (folds ? max_fold_bits : 1); ++fold) {
            choice.baby_bits = baby;
            choice.fold_bits = fold;
            choices.push_back(choice);
        }
}

PackingCost cost_of(const Frame& frame, const StagePacking& choice) {
    PackingCost cost{frame.diagonals, {}, {}, frame.folds(choice.fold_bits), frame.low, frame.high};
    const std::size_t babies = two_to(as_size(choice.baby_bits));
    for (std::size_t i = 1; i < std::min(babies, frame.diagonals); ++i)
        cost.babies.push_back(static_cast<int>(i * frame.unit));
    for (std::size_t i = babies; i < frame.diagonals; i += babies)
        cost.giants.push_back(static_cast<int>(i * frame.unit));
    return cost;
}

}  // namespace

std::vector<int> PackedMatrix::steps() const {
    std::set<int> steps;
    for (const auto& diagonals_of : diagonals)
        for (const auto& [index, diagonal] : diagonals_of) {
            steps.insert(index % baby_count);
            steps.insert(index - index % baby_count);
        }
    for (const auto& set : folds) steps.insert(set.begin(), set.end());
    steps.erase(0);
    return {steps.begin(), steps.end()};
}

std::vector<StagePacking> Packer::first_choices(const Matrix& matrix, std::size_t max_ciphertexts) const {
    std::vector<StagePacking> choices;
    for (const bool by_support : {true, false}) {
        const RowGroups groups = group_rows(matrix, by_support);
        if (!by_support && choices.size() > 0 && group_rows(matrix, true).groups.size() == 1) break;
        for (int each = 0; each <= max_diagonal_bits && two_to(as_size(each)) < 2 * matrix.rows; ++each) {
            const int free = bits_for(groups.split(each).groups.size());
            for (int parts = 1; as_size(parts) <= max_ciphertexts; ++parts) {
                const std::size_t values = (groups.largest_support() + as_size(parts) - 1) / as_size(parts);
                const int inputs = bits_for(values);
                if (as_size(free + inputs) > slot_bits_ || each > inputs ||
                    as_size(parts - 1) * two_to(as_size(inputs)) >= groups.largest_support())
                    continue;
                StagePacking choice{Fold::High, free, each, inputs, parts, by_support, 0, 1};
                add_splits(choices, choice, two_to(as_size(each)), inputs > each);
                choice.fold = Fold::Low;
                if (each == 0 || groups.groups.size() == 1)
                    add_splits(choices, choice, two_to(as_size(each)), inputs > each);
            }
        }
    }
    return choices;
}

std::vector<StagePacking> Packer::later_choices(std::size_t outputs, std::size_t low, std::size_t high) const {
    std::vector<StagePacking> choices;
    const int bits = bits_for(outputs);
    const auto add = [&](Fold fold, int most_free) {
        for (int free = std::min(bits, most_free); free >= 0; --free) {
            const int each = bits - free;
            if (as_size(each) > high - low || each > max_diagonal_bits || free > max_diagonal_bits + 4) continue;
            const StagePacking choice{fold, free, each, 0, 1, false, 0, 1};
            const Frame frame = later_frame(choice, outputs, low, high);
            if (frame.diagonals > two_to(max_diagonal_bits)) continue;
            add_splits(choices, choice, frame.diagonals, frame.fold_to > frame.fold_from);
        }
    };
    add(Fold::High, static_cast<int>(low));
    add(Fold::Low, static_cast<int>(slot_bits_ - high));
    return choices;
}

PackingCost Packer::cost_first(const StagePacking& choice) const { return cost_of(first_frame(choice), choice); }

PackingCost Packer::cost_later(const StagePacking& choice, std::size_t outputs, std::size_t low,
                               std::size_t high) const {
    return cost_of(later_frame(choice, outputs, low, high), choice);
}

Result<PackedMatrix> Packer::pack_first(const Matrix& matrix, const StagePacking& choice, GatheredInput& input) const {
    const std::size_t slots = two_to(slot_bits_), inputs = as_size(choice.input_bits), free = as_size(choice.free_bits);
    if (choice.free_bits < 0 || choice.input_bits < 0 || choice.diagonal_bits < 0 || choice.baby_bits < 0 ||
        choice.fold_bits < 1 || choice.fold_bits > max_fold_bits || choice.ciphertexts < 1 ||
        inputs + free > slot_bits_ || choice.diagonal_bits > choice.input_bits ||
        choice.diagonal_bits > max_diagonal_bits || choice.baby_bits > max_diagonal_bits)
        return unusable();
    const RowGroups groups = group_rows(matrix, choice.by_support).split(choice.diagonal_bits);
    if (groups.groups.size() > two_to(free)) return unusable();
    const Frame frame = first_frame(choice);
    const bool upper = choice.fold == Fold::High;

    // A group's values in order, a ciphertext's share of them after the other.
    input.features.assign(as_size(choice.ciphertexts), std::vector<std::int32_t>(slots, -1));
    for (std::size_t slot = 0; slot < slots; ++slot) {
        const std::size_t place = upper ? slot >> free : slot, group = upper ? slot : slot >> inputs;
        const std::size_t at = place % two_to(inputs);
        std::size_t which = group % two_to(free);
        // Sums over low bits read on into the next group: behind the last one is the last one again.
        if (which >= groups.groups.size()) {
            if (upper) continue;
            which = groups.groups.size() - 1;
        }
        for (std::size_t t = 0; t < input.features.size(); ++t) {
            const std::size_t index = t * two_to(inputs) + at;
            if (index < groups.groups[which].support.size())
                input.features[t][slot] = groups.groups[which].support[index];
        }
    }
    return fill(matrix, input.features, frame, choice, slots, [&](std::size_t slot) -> std::int32_t {
        const std::size_t number = slot >> frame.low, each = as_size(choice.diagonal_bits);
        const std::size_t group = upper ? number % two_to(free) : number >> each;
        const std::size_t index = upper ? number >> free : number % two_to(each);
        if (group >= groups.groups.size() || index >= groups.groups[group].rows.size()) return -1;
        return static_cast<std::int32_t>(groups.groups[group].rows[index]);
    });
}

Result<PackedMatrix> Packer::pack_later(const Matrix& matrix, const StagePacking& choice,
                                        const SlotLayout& input) const {
    const std::size_t free = as_size(choice.free_bits), each = as_size(choice.diagonal_bits);
    const bool upper = choice.fold == Fold::High;
    if (choice.free_bits < 0 || choice.diagonal_bits < 0 || choice.baby_bits < 0 || choice.fold_bits < 1 ||
        choice.fold_bits > max_fold_bits || each > input.high - input.low || each > max_diagonal_bits ||
        choice.baby_bits > max_diagonal_bits || free > (upper ? input.low : slot_bits_ - input.high) ||
        matrix.rows > two_to(free + each))
        return unusable();
    const Frame frame = later_frame(choice, matrix.rows, input.low, input.high);
    return fill(matrix, std::span(&input.content, 1), frame, choice, two_to(slot_bits_),
                [&](std::size_t slot) -> std::int32_t {
                    const std::size_t number = slot >> frame.low;
                    if (!upper) return static_cast<std::int32_t>(number);
                    // The next slot of a value is `ahead` further.
                    const std::size_t ahead = (two_to(free) - number % two_to(free)) % two_to(free);
                    const std::size_t block = ((number + ahead) >> free) % two_to(each);
                    return static_cast<std::int32_t>(ahead + two_to(free) * block);
                });
}

}  // namespace einfer::inference
