#include "jobs/admission.h"

#include "jobs/answers.h"

#include <new>
#include <optional>
#include <utility>

namespace einfer::jobs {

using std::chrono::steady_clock;
using Written = SqliteStore::Written;

Result<void> Admission::submit(Submission submission, Done done) {
    if (submission.inputs == nullptr) return internal("the job has no inputs");
    const std::string id = submission.id;
    const std::string tenant = submission.tenant;
    const std::size_t bytes = submission.inputs->size();
    const Quota quota = submission.quota;
    const std::optional<Error> refusal = submission.refusal;
    ReadyQueue::Node node;
    node.push_back({.id = id, .tenant = tenant, .inputs = submission.inputs, .received_at = submission.received_at});
    Submission observed = submission;
    observed.inputs = nullptr;
    SqliteStore::Insert insert{std::move(submission), false, max_stored_bytes_};

    const auto place = ready_.announce();
    if (place == ReadyQueue::Place::Closed) return shutting_down();
    // The claim is part of the insert, and costs no commit of its own, when a worker is there already.
    insert.claimed = node.front().claimed = place == ReadyQueue::Place::Claimed;
    node.front().attempt = insert.claimed ? 1 : 0;
    bool admitted = false;
    try {
        const auto admit = [&]() -> Result<void> {
            if (refusal) return *refusal;
            return unfinished_.admit(id, tenant, bytes, quota.max_queued_jobs);
        };
        if (auto admission = admit(); !admission) {
            if (!insert.submission.idempotency_key.empty()) {
                insert.refusal = std::move(admission).error();
                look_up(std::move(insert), std::move(done));
                return {};
            }
            ready_.arrive({});
            return admission;
        }
        admitted = true;
        if (insert.claimed && insert.submission.evaluate_first) {
            node.front().unstored = std::make_shared<Unstored>(std::move(insert), std::move(done), steady_clock::now());
            ready_.arrive(std::move(node));
            return {};
        }
        writer_.hand_over(std::move(insert),
                          [this, observed = std::move(observed), node = std::move(node), own = Accepted{id},
                           submitted = steady_clock::now(), done = std::move(done)](Result<Written> written) mutable {
                              auto result = accepted(std::move(own), std::move(written));
                              inserted(std::move(observed), node, submitted, std::move(result), done);
                          });
    } catch (const std::bad_alloc&) {
        if (admitted) unfinished_.forget(id);
        ready_.arrive({});
        throw;
    }
    return {};
}

// There is no room for the job, but its idempotency key may name one that was accepted. The announcement lasts until it
// is answered: stop() waits for that.
void Admission::look_up(SqliteStore::Insert insert, Done done) {
    insert.submission.inputs = nullptr;
    writer_.hand_over(std::move(insert), [this, done = std::move(done)](Result<Written> written) {
        tell(done, accepted({}, std::move(written)));
        ready_.arrive({});
    });
}

// On the store thread.
void Admission::inserted(Submission submission, ReadyQueue::Node& node, Time submitted, Result<Accepted> result,
                         const Done& done) {
    const auto now = steady_clock::now();
    node.front().accepted_at = now;
    node.front().durations.store = now - submitted;
    const bool added = result && !result->repeated;
    if (added && observer_) {
        Job job;
        job.submission = std::move(submission);
        job.created_at = clock_();
        job.durations = node.front().durations;
        if (node.front().claimed) {
            job.state = State::Running;
            job.attempt = 1;
            job.started_at = job.created_at;
        }
        observer_.tell(Event::Accepted, job);
    }
    if (!added) {
        unfinished_.forget(node.front().id);  // before `done`, which may submit again
        node.clear();
    }
    tell(done, std::move(result));
    ready_.arrive(std::move(node));
}

// The announcement keeps stop() waiting for the answer, as that of a look_up() does.
Result<void> Admission::erase(std::string id, std::string tenant, std::function<void(Result<void>)> done) {
    if (ready_.announce() == ReadyQueue::Place::Closed) return shutting_down();
    try {
        SqliteStore::Erase write{id, std::move(tenant)};
        writer_.hand_over(std::move(write),
                          [this, id = std::move(id), done = std::move(done)](Result<Written> written) {
                              const bool erased = written && !written->was_tombstone;
                              if (erased) {
                                  // Whoever runs it finds out when it wants to write. Its inputs go now: they are no
                                  // longer counted.
                                  ready_.remove(id);
                                  unfinished_.forget(id);
                                  observer_.tell_stored(Event::Erased, id);
                              }
                              tell(done, verdict(written));
                              ready_.arrive({});
                          });
    } catch (const std::bad_alloc&) {
        ready_.arrive({});
        throw;
    }
    return {};
}

}  // namespace einfer::jobs
