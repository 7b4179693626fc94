// Ground truth of a surface with a picture.
uniform mat3 u_camera_from_world_rotation;

layout(location = 0) out vec4 f_depth;
layout(location = 1) out vec4 f_normal;
layout(location = 2) out vec4 f_albedo;
layout(location = 3) out uvec4 f_ids;

vec3 encoded(vec3 linear) {
    return mix(12.92 * linear, 1.055 * pow(max(linear, 1e-6), vec3(1.0 / 2.4)) - 0.055, step(0.0031308, linear));
}

void main() {
    vec3 normal = normalize(v_normal);
    if (dot(normal, u_eye - v_world) < 0.0) normal = -normal;
    vec3 at = printed_at();
    float drawn = texture(u_print_depth, at.xy).r;
    if (u_print_light.w > 0.5 && drawn == 0.0) drawn = uintBitsToFloat(0x7F800000u);  // reflected sky is infinitely far
    // Who keeps the sizes of pictured things sees them at this depth from another place than the eye (La Gournerie
    // 1859): similar triangles through the point of the canvas.
    float believed = isnan(drawn) ? v_camera.z : drawn * v_camera.z / at.z;
    vec3 shown = texture(u_print, at.xy).bgr * u_print_light.x;
    f_depth = vec4(v_camera.z, believed, 0.0, 0.0);
    f_normal = vec4(u_camera_from_world_rotation * normal, 0.0);
    f_albedo = vec4(encoded(painted_albedo(shown)).bgr, v_albedo_roughness.a);
    f_ids = uvec4(v_label_instance, 1u, 0u);
}
