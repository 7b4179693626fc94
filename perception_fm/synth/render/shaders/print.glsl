// A picture on a surface.
uniform sampler2D u_print;          // radiance, BGR
uniform sampler2D u_print_depth;    // inf: pictured sky, NaN: no scene is pictured
uniform mat4 u_texture_from_face;   // to (u w, v w, z from the eye, w)
uniform vec4 u_print_light;         // gain, 1 if emissive, radiance that paint shows as white, 1 if a mirror
#ifndef WET_ROAD
uniform vec2 u_mirror_size;         // of the buffer that is drawn into
#endif

const float PAINT_WHITE = 0.92;     // reflectance of fresh white paint

vec3 printed_at() {
    if (u_print_light.w > 0.5) return vec3(gl_FragCoord.xy / u_mirror_size, v_camera.z);
    vec4 at = u_texture_from_face * vec4(v_object, 1.0);
    return vec3(at.xy / at.w, at.z);
}

vec3 painted_albedo(vec3 shown) {
    return min(shown / u_print_light.z, vec3(1.0)) * PAINT_WHITE;
}
