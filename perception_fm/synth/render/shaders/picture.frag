// Radiance of the world, BGR.
out vec4 f_radiance;

void main() {
    vec3 normal = normalize(v_normal);
#ifdef WET_ROAD
    // The ground, seen from below, must not hide what it mirrors.
    if (u_mirrors == 0.0 && normal.z > 0.7 && dot(normal, u_eye - v_world) < 0.0) discard;
#endif
    if (dot(normal, u_eye - v_world) < 0.0) normal = -normal;
    Surface here = surface_here(normal);
    vec3 bumped = normal;
#ifdef RELIEF
    {
        // Tangents from screen derivatives (Mikkelsen 2010), so that meshes need none.
        vec3 px = dFdx(v_world), py = dFdy(v_world);
        vec2 ux = dFdx(v_uv), uy = dFdy(v_uv);
        vec3 across = cross(py, normal), along = cross(normal, px);
        vec3 tangent = across * ux.x + along * uy.x, bitangent = across * ux.y + along * uy.y;
        float scale = inversesqrt(max(max(dot(tangent, tangent), dot(bitangent, bitangent)), 1e-20));
        bumped = normalize(normal + (tangent * here.bump.x + bitangent * here.bump.y) * scale);
    }
#endif
    vec3 radiance = lit(here.albedo, here.roughness, v_metallic_emission_layer_bump.x, normal, bumped, v_world);
    radiance += here.albedo * v_metallic_emission_layer_bump.y;
    f_radiance = vec4(hazed(radiance, v_world).bgr, 1.0);
}
