#include "jobs/store_statements.h"

#include "jobs/job_row.h"

namespace einfer::jobs {
namespace {

std::string select_jobs(std::string_view more) { return std::string("SELECT ").append(job_columns).append(more); }

}  // namespace

// Two choices recur below. Times go through max(): a clock that was set back must not make a job start before it came.
// And rows to expire are named by a bounded, ordered subquery, which the partial indexes answer.
WriteStatements::WriteStatements(SqliteConnection& c)
    : insert_job(c, R"sql(
          INSERT INTO jobs(id, tenant, model_id, model_version, encoding, request_digest, batch_size, seal_minor,
                           state, attempt, created_at, started_at, idempotency_key, stored_bytes, request_checksum,
                           input_checksum, evaluation_key_id, result_format)
          VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, iif(?9 = 1, ?11, NULL), nullif(?12, ''), ?13, ?14,
                 ?15, ?16, ?17))sql"),
      insert_finished(c, R"sql(
          INSERT INTO jobs(id, tenant, model_id, model_version, encoding, request_digest, batch_size, seal_minor,
                           state, attempt, created_at, started_at, finished_at, error_bound, error_code,
                           error_message, error_details, idempotency_key, stored_bytes, request_checksum,
                           outcome_checksum, evaluation_key_id, result_format)
          VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10, ?11, ?12, nullif(?13, ''), nullif(?14, ''), ?15,
                 nullif(?16, ''), ?17, ?18, ?19, ?20, ?21))sql"),
      insert_inputs(c, "INSERT INTO job_inputs(job, bytes) VALUES(?1, ?2)"),
      insert_result(c, "INSERT INTO job_results(job, bytes) VALUES(?1, ?2)"),
      delete_inputs(c, "DELETE FROM job_inputs WHERE job = ?1"),
      by_key(c, select_jobs(" FROM jobs WHERE tenant = ?1 AND idempotency_key = ?2")),
      stored_bytes(c, "SELECT stored_bytes FROM tenants WHERE tenant = ?1"),
      all_stored_bytes(c, "SELECT stored_bytes FROM all_tenants"),
      position(c, "SELECT seq, id, state, attempt, started_at FROM jobs WHERE id = ?1"),
      owned(c, "SELECT seq, id, tenant, state FROM jobs WHERE id = ?1 AND tenant = ?2"),
      claim(c, R"sql(
          UPDATE jobs SET state = 1, attempt = ?2, started_at = coalesce(started_at, max(created_at, ?3))
          WHERE seq = ?1)sql"),
      finish(c, R"sql(
          UPDATE jobs SET state = ?2, finished_at = ?3, error_bound = ?4, error_code = nullif(?5, ''),
                          error_message = nullif(?6, ''), error_details = ?7, stored_bytes = ?8, input_checksum = NULL,
                          outcome_checksum = ?9
          WHERE seq = ?1)sql"),
      delete_result(c, "DELETE FROM job_results WHERE job = ?1"),
      erase(c, R"sql(
          UPDATE jobs SET state = 4, finished_at = coalesce(finished_at, max(coalesce(started_at, created_at), ?2)),
                          error_bound = NULL, error_code = NULL, error_message = NULL, error_details = NULL,
                          stored_bytes = 0, input_checksum = NULL, outcome_checksum = NULL
          WHERE seq = ?1)sql"),
      drop_results(c, R"sql(
          DELETE FROM job_results WHERE job IN
              (SELECT seq FROM jobs WHERE state IN (2, 3) AND finished_at < ?1
               ORDER BY finished_at, seq LIMIT ?2))sql"),
      bury(c, R"sql(
          UPDATE jobs SET state = 4, error_bound = NULL, error_code = NULL, error_message = NULL, error_details = NULL,
                          stored_bytes = 0, outcome_checksum = NULL
          WHERE seq IN
              (SELECT seq FROM jobs WHERE state IN (2, 3) AND finished_at < ?1
               ORDER BY finished_at, seq LIMIT ?2))sql"),
      forget(c, R"sql(
          DELETE FROM jobs WHERE seq IN
              (SELECT seq FROM jobs WHERE state = 4 AND finished_at < ?1 ORDER BY finished_at, seq LIMIT ?2))sql") {}

ReadStatements::ReadStatements(SqliteConnection& c)
    : find(c, select_jobs(", (SELECT bytes FROM job_results WHERE job = seq) FROM jobs WHERE id = ?1 AND tenant = ?2")),
      load(c, select_jobs(" FROM jobs WHERE id = ?1")),
      inputs(c, "SELECT input_checksum, bytes FROM job_inputs JOIN jobs ON job = seq WHERE id = ?1"),
      unfinished(c,
                 "SELECT id, tenant, attempt, (SELECT length(bytes) FROM job_inputs WHERE job = seq) FROM jobs "
                 "WHERE state IN (0, 1) ORDER BY seq") {}

}  // namespace einfer::jobs
