// Ground truth at pixel centres.
uniform mat3 u_camera_from_world_rotation;

layout(location = 0) out vec4 f_depth;      // optical z, believed optical z
layout(location = 1) out vec4 f_normal;     // optical frame
layout(location = 2) out vec4 f_albedo;     // sRGB, BGR, and roughness
layout(location = 3) out uvec4 f_ids;       // label, instance, painted

vec3 encoded(vec3 linear) {
    return mix(12.92 * linear, 1.055 * pow(max(linear, 1e-6), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, linear));
}

void main() {
    vec3 normal = normalize(v_normal);
    if (dot(normal, u_eye - v_world) < 0.0) normal = -normal;
    Surface here = surface_here(normal);
    f_depth = vec4(v_camera.z, v_camera.z, 0.0, 0.0);
    f_normal = vec4(u_camera_from_world_rotation * normal, 0.0);
    f_albedo = vec4(encoded(clamp(here.albedo, 0.0, 1.0)).bgr, here.roughness);
    f_ids = uvec4(v_label_instance, 0u, 0u);
}
