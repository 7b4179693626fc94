// World geometry into a pinhole camera whose rows are read one after the other.
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_tint;
in uvec4 in_ids;  // material, label, instance

uniform mat4 u_world_from_object;
uniform mat4 u_camera_from_world;
uniform mat4 u_clip_from_camera;
uniform vec4 u_rows;  // fy, cy, 1 / (rows - 1), readout in s
uniform vec3 u_velocity;
uniform vec3 u_turn_rate;
uniform sampler2D u_materials;
uniform vec4 u_clip_plane;  // of the world: what lies behind a mirror is not reflected

out vec3 v_world;
out vec3 v_camera;
out vec3 v_normal;
out vec2 v_uv;
out vec3 v_tint;
out vec3 v_object;
flat out vec4 v_albedo_roughness;
flat out vec4 v_metallic_emission_layer_bump;
flat out uvec2 v_label_instance;

vec3 at_its_row(vec3 still) {
    vec3 moved = still;
    for (int i = 0; i < 2; ++i) {
        float row = moved.z > 0.01 ? u_rows.x * moved.y / moved.z + u_rows.y : u_rows.y;
        float time = (clamp(row * u_rows.z, -0.2, 1.2) - 0.5) * u_rows.w;
        vec3 shifted = still - u_velocity * time;
        moved = shifted - cross(u_turn_rate * time, shifted);
    }
    return moved;
}

void main() {
    vec4 world = u_world_from_object * vec4(in_position, 1.0);
    vec3 camera = (u_camera_from_world * world).xyz;
    if (u_rows.w > 0.0) camera = at_its_row(camera);
    gl_Position = u_clip_from_camera * vec4(camera, 1.0);
    gl_ClipDistance[0] = dot(u_clip_plane, world);
    int material = int(in_ids.x);
    v_albedo_roughness = texelFetch(u_materials, ivec2(0, material), 0);
    v_metallic_emission_layer_bump = texelFetch(u_materials, ivec2(1, material), 0);
    float tile = texelFetch(u_materials, ivec2(2, material), 0).x;
    v_world = world.xyz;
    v_camera = camera;
    v_object = in_position;
    v_normal = mat3(u_world_from_object) * in_normal;
    v_uv = in_uv * tile;
    v_tint = in_tint.rgb * (255.0 / 127.0);
    v_label_instance = in_ids.yz;
}
