#version 330
// The sky behind everything, BGR.
in vec2 v_at;
uniform sampler2D u_sky;
uniform vec3 u_sun_direction;
uniform vec3 u_sun_light;
uniform mat3 u_world_from_camera;
uniform vec4 u_ray;  // x/z = u_ray.x * at.x + u_ray.y, y/z = u_ray.z * at.y + u_ray.w
out vec4 f_radiance;

const float PI = 3.14159265;

void main() {
    vec3 d = normalize(u_world_from_camera * vec3(u_ray.x * v_at.x + u_ray.y, u_ray.z * v_at.y + u_ray.w, 1.0));
    vec2 at = vec2(atan(d.y, d.x) / (2.0 * PI) + 0.5, acos(clamp(d.z, -1.0, 1.0)) / PI);
    vec3 radiance = textureLod(u_sky, at, 0.0).rgb;
    // The disc, 0.53 degrees wide, with its aureole; far beyond what a sensor takes, so its true radiance is not needed.
    float off = acos(clamp(dot(d, u_sun_direction), -1.0, 1.0));
    radiance += u_sun_light * (smoothstep(0.0065, 0.0045, off) * 60.0 + 1.5 * exp(-off * 60.0));
    f_radiance = vec4(radiance.bgr, 1.0);
}
