// Every text of the page, in each of its languages. Where the server's page says the same (space/texts.py), so does this.

export type Language = "en" | "ru";

const en = {
  title: "Sign language recognition",
  intro: "Show a short video of one sign. The page answers with the five most likely meanings.",
  privacy: "The video stays on this device: the model runs in your browser, and nothing is sent. No sound is recorded.",
  record: "Record a sign",
  choose: "Choose a video",
  mirror: "Mirror the video",
  mirror_info:
    "The camera's preview is a mirror, its recording is not. " +
    "Tick this if writing in the video reads backwards, or if the signer is left-handed.",
  limits: "Up to {longest} seconds. Keep your head, shoulders and both hands in view, in good light.",
  hint: "The answer appears here: the most likely signs, how sure the model is, and what it has seen.",
  answer: "Most likely signs",
  video: "The video, with what the model has seen",
  vocabulary: "Signs that this model knows",
  no_event: "no sign",
  loading: "Loading the models: some 50 MB on the first visit.",
  get_ready: "Get ready: {seconds}",
  recording: "Recording {recorded} seconds: show the sign now.",
  finding: "Looking for hands, body and face",
  sure: "If this is a sign that the model knows, it is sure of its first answer.",
  fairly_sure: "If this is a sign that the model knows, it is fairly sure of its first answer.",
  unsure: "The model is not sure. Look at the other answers too.",
  guessing: "The model is guessing. The sign may not be one that it knows.",
  no_hands: "No hand was seen. Keep both hands in view, in good light.",
  hands_rarely_seen: "Hands were seen in less than half of the video. Keep them in view, in good light.",
  hands_out_of_view: "A hand leaves the picture. Step back until both stay in view.",
  head_out_of_view: "The head is not in the picture. Step back until it is.",
  no_body: "Head and shoulders were not seen. Step back until they are in view.",
  too_short: "Hands were seen for a moment only. Record the whole sign.",
  too_long: "The video is longer than {longest} seconds. Please cut it to the one sign.",
  too_large: "The picture is larger than {megapixels} million pixels. Please record it in HD.",
  unreadable: "This file cannot be read as a video. Please try another one, for example an MP4.",
  undecodable: "This browser lacks the codec of this video, often HEVC. Please record it here, or as MP4 with H.264.",
  camera_refused: "The camera may not be used. Allow it in the browser's settings of this page, or choose a video.",
  no_camera: "There is no camera that can be used. Please choose a video.",
  no_model: "The model's files are missing or damaged. Reload the page; if that does not help, tell its owner.",
  no_landmarker: "MediaPipe does not start in this browser. Please use a current Chrome, Edge, Firefox or Safari.",
  failed: "Something went wrong: {message}",
};

export type TextKey = keyof typeof en;

const ru: Record<TextKey, string> = {
  title: "Распознавание жестового языка",
  intro: "Покажите короткое видео с одним жестом. Страница назовёт пять вероятных значений.",
  privacy:
    "Видео остаётся на этом устройстве: модель работает в вашем браузере, ничего не отправляется. " +
    "Звук не записывается.",
  record: "Записать жест",
  choose: "Выбрать видео",
  mirror: "Отразить видео",
  mirror_info:
    "Камера показывает вас как в зеркале, но записывает без отражения. " +
    "Отметьте, если надписи в видео читаются задом наперёд или если ведущая рука — левая.",
  limits: "До {longest} секунд. Голова, плечи и обе руки должны быть в кадре, при хорошем освещении.",
  hint: "Здесь появится ответ: самые вероятные жесты, насколько модель уверена и что она увидела.",
  answer: "Самые вероятные жесты",
  video: "Видео и то, что увидела модель",
  vocabulary: "Жесты, которые знает эта модель",
  no_event: "нет жеста",
  loading: "Загрузка моделей: при первом посещении около 50 МБ.",
  get_ready: "Приготовьтесь: {seconds}",
  recording: "Идёт запись, {recorded} секунды: покажите жест.",
  finding: "Поиск рук, тела и лица",
  sure: "Если модель знает этот жест, она уверена в первом ответе.",
  fairly_sure: "Если модель знает этот жест, она почти уверена в первом ответе.",
  unsure: "Модель не уверена. Посмотрите и другие ответы.",
  guessing: "Модель угадывает. Возможно, она не знает этого жеста.",
  no_hands: "Руки не найдены. Держите обе руки в кадре, при хорошем освещении.",
  hands_rarely_seen: "Руки видны меньше половины времени. Держите их в кадре, при хорошем освещении.",
  hands_out_of_view: "Рука выходит за край кадра. Отойдите так, чтобы обе руки оставались в кадре.",
  head_out_of_view: "Головы нет в кадре. Отойдите так, чтобы она была видна.",
  no_body: "Голова и плечи не найдены. Отойдите так, чтобы они были в кадре.",
  too_short: "Руки видны лишь мгновение. Запишите жест целиком.",
  too_long: "Видео длиннее {longest} секунд. Оставьте в нём только один жест.",
  too_large: "Кадр больше {megapixels} миллионов пикселей. Запишите видео поменьше, например в HD.",
  unreadable: "Этот файл не читается как видео. Попробуйте другой, например MP4.",
  undecodable: "В браузере нет кодека этого видео, часто это HEVC. Запишите жест здесь или в MP4 с H.264.",
  camera_refused: "Камера запрещена. Разрешите её этой странице в настройках браузера или выберите видео.",
  no_camera: "Нет камеры, которую можно использовать. Выберите видео.",
  no_model: "Файлы модели отсутствуют или повреждены. Обновите страницу; если не поможет, сообщите её владельцу.",
  no_landmarker: "MediaPipe не запускается в этом браузере. Нужен современный Chrome, Edge, Firefox или Safari.",
  failed: "Что-то пошло не так: {message}",
};

export const TEXTS: Record<Language, Record<TextKey, string>> = { en, ru };

/** A text with its values filled in. */
export function text(language: Language, key: TextKey, values: Record<string, string | number> = {}): string {
  return TEXTS[language][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}
