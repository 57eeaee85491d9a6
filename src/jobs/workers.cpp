#include "jobs/workers.h"

#include "jobs/answers.h"

#include <algorithm>
#include <new>
#include <utility>

namespace einfer::jobs {
namespace {

using Fate = StoreThread::Fate;
using Written = SqliteStore::Written;
using std::chrono::steady_clock;

Outcome failure(const char* message) {
    Outcome outcome;
    outcome.error = internal(message);
    return outcome;
}

}  // namespace

void Workers::start(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { work(); });
}

void Workers::join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void Workers::work() {
    for (;;) {
        auto node = ready_.take();
        if (node.empty()) return;
        bool failed = false;
        try {
            run(node.front());
        } catch (...) {
            failed = true;
        }
        // No memory, most likely. The job is as it was, or claimed for nothing: another attempt, but not at once.
        if (failed && ready_.pause(std::chrono::milliseconds(100))) {
            ready_.put_back(std::move(node));
        } else {
            ready_.release(node);
        }
    }
}

void Workers::run(Ready& job) {
    if (job.unstored != nullptr) return evaluate_first(job);
    if (!job.claimed && static_cast<std::size_t>(job.attempt) >= max_attempts_) {
        conclude(job, failure("the job was given up after repeated failures of the server"));
        return;
    }
    if (!job.claimed && !claim(job)) return;
    if (auto outcome = evaluate(job)) conclude(job, std::move(*outcome));
}

bool Workers::claim(Ready& job) {
    // On disk before the evaluation begins, for it is what counts the attempts of a job that kills the process.
    const Fate fate = writer_.settle(SqliteStore::Claim{job.id, job.attempt + 1});
    if (fate == Fate::Refused) unfinished_.forget(job.id);
    if (fate != Fate::Written) return false;
    ++job.attempt;
    job.claimed = true;
    return true;
}

// Nothing when the job has to stay as it is because the service is stopping, or it was erased.
std::optional<Outcome> Workers::evaluate(Ready& job) {
    const auto stored = read_patiently([&] { return store_.load(job.id); });
    if (stored && is_final(stored->state)) {
        unfinished_.forget(job.id);
        return std::nullopt;
    }
    const auto inputs = job.inputs != nullptr ? Result<std::shared_ptr<const Bytes>>(std::move(job.inputs))
                                              : read_patiently([&] { return store_.inputs(job.id); });
    if (!stored || !inputs) {
        const ErrorCode code = stored ? inputs.error().code : stored.error().code;
        if (code == ErrorCode::ShuttingDown) return std::nullopt;
        return failure("the job could not be read");
    }
    observer_.tell(Event::Started, *stored);
    if (job.accepted_at) job.durations.queue = steady_clock::now() - *job.accepted_at;
    return call_evaluate(*stored, **inputs);
}

Outcome Workers::call_evaluate(const Job& job, const Bytes& inputs) const {
    try {
        return evaluate_(job, inputs);
    } catch (const std::bad_alloc&) {
        throw;  // another attempt, a little later
    } catch (...) {
        return failure("the evaluation failed");
    }
}

// Nothing is on disk and nobody was told anything: a process that dies here has accepted nothing, and no attempt needs
// counting.
void Workers::evaluate_first(Ready& ready) {
    const std::shared_ptr<Unstored> unstored = std::move(ready.unstored);
    Job job;
    job.submission.id = std::move(ready.id);
    try {
        Accepted own{job.submission.id};  // nothing that is told after the commit may need memory
        job.submission = unstored->insert.submission;
        job.submission.inputs = nullptr;
        job.state = State::Running;
        job.attempt = 1;
        job.created_at = clock_();
        job.started_at = job.created_at;
        job.durations.queue = steady_clock::now() - unstored->submitted;
        Outcome outcome = call_evaluate(job, *ready.inputs);
        job.durations.evaluate = outcome.evaluate;
        job.durations.serialise = outcome.serialise;
        const bool failed = outcome.error.has_value();
        unstored->insert.outcome = std::move(outcome);
        writer_.hand_over(std::move(unstored->insert),
                          [this, job, failed, own = std::move(own), done = unstored->done,
                           evaluated = steady_clock::now()](Result<Written> written) mutable {
                              job.durations.store = steady_clock::now() - evaluated;
                              auto result = accepted(std::move(own), std::move(written));
                              finished_at_once(job, failed ? Event::Failed : Event::Completed, std::move(result), done);
                          });
    } catch (const std::bad_alloc&) {
        finished_at_once(job, Event::Failed, no_memory(), unstored->done);
    }
}

// On the store thread, or where there was no memory to get there.
void Workers::finished_at_once(Job& job, Event event, Result<Accepted> result,
                               const std::function<void(Result<Accepted>)>& done) {
    if (result && !result->repeated) {
        Durations spent = std::exchange(job.durations, Durations{.store = job.durations.store});
        observer_.tell(Event::Accepted, job);
        job.durations = {};
        observer_.tell(Event::Started, job);
        if (job.submission.received_at) spent.total = steady_clock::now() - *job.submission.received_at;
        job.durations = spent;
        job.state = event == Event::Completed ? State::Completed : State::Failed;
        observer_.tell(event, job);
    }
    unfinished_.forget(job.submission.id);
    tell(done, std::move(result));
}

void Workers::conclude(Ready& job, Outcome outcome) {
    job.durations.evaluate = outcome.evaluate;
    job.durations.serialise = outcome.serialise;
    Event event = outcome.error ? Event::Failed : Event::Completed;
    Fate fate = writer_.settle(SqliteStore::Finish{job.id, job.attempt, std::move(outcome)});
    if (fate == Fate::Refused && event == Event::Completed) {
        // A result that cannot be stored. Had the job moved on instead, this would be refused as well.
        event = Event::Failed;
        fate = writer_.settle(SqliteStore::Finish{job.id, job.attempt, failure("the result could not be stored")});
    }
    if (fate == Fate::Abandoned) return;
    if (job.received_at) job.durations.total = steady_clock::now() - *job.received_at;
    if (fate == Fate::Written) observer_.tell_stored(event, job.id, job.durations);
    unfinished_.forget(job.id);
}

/// A store that is overloaded is asked again for some ten seconds; SHUTTING_DOWN when stop() was called meanwhile.
template <class Read>
auto Workers::read_patiently(Read read) -> decltype(read()) {
    std::chrono::milliseconds backoff{100};
    for (int tries = 1;; ++tries) {
        auto result = read();
        if (result || result.error().code != ErrorCode::Overloaded || tries == 9) return result;
        if (!ready_.pause(backoff)) return shutting_down();
        backoff = std::min(2 * backoff, std::chrono::milliseconds(2000));
    }
}

}  // namespace einfer::jobs
