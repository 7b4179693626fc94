// Radiance of a surface with a picture, BGR.
out vec4 f_radiance;

void main() {
    vec3 normal = normalize(v_normal);
    if (dot(normal, u_eye - v_world) < 0.0) normal = -normal;
    vec3 shown = texture(u_print, printed_at().xy).bgr * u_print_light.x;
    if (u_print_light.y < 0.5)
        shown = hazed(lit(painted_albedo(shown), v_albedo_roughness.a, 0.0, normal, normal, v_world), v_world);
    f_radiance = vec4(shown.bgr, 1.0);
}
