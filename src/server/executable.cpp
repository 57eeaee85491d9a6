#include "server/executable.h"

#include "wire/ciphertext.h"

namespace einfer::server {

std::vector<std::uint8_t> seal_bytes(const he::Ciphertext& result, const he::Context& context,
                                     std::uint8_t seal_minor) {
    return wire::write_ciphertext({
        .seal_minor = seal_minor,
        .parms_id = context.parms_id(result.prime_count),
        .size = result.size,
        .poly_modulus_degree = context.poly_modulus_degree(),
        .coeff_modulus_size = result.prime_count,
        .scale = result.scale,
        .words = result.words,
    });
}

protocol::ModelView network_view(const registry::NetworkModel& model) {
    protocol::ModelView view;
    view.model_id = model.model_id;
    view.version = model.version;
    view.description = model.description;
    view.poly_modulus_degree = model.poly_modulus_degree;
    view.coeff_modulus_bits = model.coeff_modulus_bits;
    view.scale = model.scale;
    view.input_dimension = model.network.input.size();
    view.output_dimension = model.stages.back().matrix.rows;
    view.lower = model.lower;
    view.upper = model.upper;
    view.feature_names = model.feature_names;
    view.class_names = model.network.class_names;
    view.postprocessing = model.network.postprocessing;
    view.plan_digest = model.plan_digest;
    view.costs.evaluation_ms = model.evaluation_ms;
    view.max_batch_size = model.max_batch_size;
    return view;
}

}  // namespace einfer::server
