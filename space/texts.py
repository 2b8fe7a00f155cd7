"""Every text of the page, in each of its languages."""

LANGUAGES: dict[str, str] = {"en": "English", "ru": "Русский"}

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "title": "# Sign language recognition",
        "intro": "Upload or record a short video of **one sign**. The page answers with the five most likely meanings.",
        "video": "Video of one sign",
        "mirror": "Mirror the video",
        "mirror_info": (
            "The camera's preview is a mirror, its recording is not. "
            "Tick this if writing in the video reads backwards, or if the signer is left-handed."
        ),
        "recognize": "Recognise the sign",
        "hint": "The answer appears here: the most likely signs, how sure the model is, and what it has seen.",
        "answer": "Most likely signs",
        "drawn": "What the model has seen",
        "moments": "What decided",
        "decimal_mark": ".",
        "second": "s",
        "decided": "Most of the answer rests on BEGIN to END seconds of the video.",
        "vocabulary": "Signs that this model knows ({count})",
        "limits": (
            "Up to {seconds} seconds and {megabytes} MB. "
            "Keep your head, shoulders and both hands in view, in good light."
        ),
        "privacy": (
            "The video is read on this server only. It is deleted when you close the page or choose another video, "
            "at the latest after half an hour. No sound is recorded."
        ),
        "no_event": "no sign",
        "finding": "Step 1 of 2: looking for hands, body and face",
        "drawing": "Step 2 of 2: drawing what was seen",
        "sure": "If this is a sign that the model knows, it is sure of its first answer.",
        "fairly_sure": "If this is a sign that the model knows, it is fairly sure of its first answer.",
        "unsure": "The model is not sure. Look at the other answers too.",
        "guessing": "The model is guessing. The sign may not be one that it knows.",
        "no_hands": "No hand was seen. Keep both hands in view, in good light.",
        "hands_rarely_seen": "Hands were seen in less than half of the video. Keep them in view, in good light.",
        "hands_out_of_view": "A hand leaves the picture. Step back until both stay in view.",
        "head_out_of_view": "The head is not in the picture. Step back until it is.",
        "no_body": "Head and shoulders were not seen. Step back until they are in view.",
        "too_dark": "The video is dark. Hands are found better with more light.",
        "too_short": "Hands were seen for a moment only. Record the whole sign.",
        "no_video": "There is no video yet. Upload or record one first.",
        "too_long": "The video is longer than {seconds} seconds. Please cut it to the one sign.",
        "too_large": "The picture is larger than {megapixels} million pixels. Please record it in HD.",
        "too_slow": "This video takes too long. Please try a shorter or smaller one.",
        "unreadable": "This file cannot be read as a video. Please try another one, for example an MP4.",
        "clip_tab": "A video",
        "live_tab": "Live",
        "live_intro": "Sign before the camera. Each sign is named when it **has ended**.",
        "live_camera": "Camera",
        "live_hint": "Allow the camera, then press Record. Head, shoulders and both hands should be in view.",
        "live_now": "Now:",
        "live_signs": "Signs so far",
        "live_none": "None yet.",
        "live_limits": (
            "Up to {minutes} minutes at a time. The pictures are looked at on this server only, and not kept. "
            "No sound is recorded."
        ),
        "live_full": "All places are taken. This starts by itself when one is free.",
        "live_over": "{minutes} minutes are over. Press Stop, wait a few seconds, and record again.",
        "live_failed": "The pictures cannot be looked at. Press Stop, wait a few seconds, and record again.",
        "live_no_camera": (
            "There is no picture from the camera. Allow this page to use it in the settings of your browser, and see "
            "that no other program uses it."
        ),
    },
    "ru": {
        "title": "# Распознавание жестового языка",
        "intro": "Загрузите или запишите короткое видео с **одним жестом**. Страница назовёт пять вероятных значений.",
        "video": "Видео с одним жестом",
        "mirror": "Отразить видео",
        "mirror_info": (
            "Камера показывает вас как в зеркале, но записывает без отражения. "
            "Отметьте, если надписи в видео читаются задом наперёд или если ведущая рука — левая."
        ),
        "recognize": "Распознать жест",
        "hint": "Здесь появится ответ: самые вероятные жесты, насколько модель уверена и что она увидела.",
        "answer": "Самые вероятные жесты",
        "drawn": "Что увидела модель",
        "moments": "Что решило",
        "decimal_mark": ",",
        "second": "с",
        "decided": "Ответ опирается прежде всего на отрезок от BEGIN до END с.",
        "vocabulary": "Жесты, которые знает эта модель ({count})",
        "limits": (
            "До {seconds} секунд и {megabytes} МБ. Голова, плечи и обе руки должны быть в кадре, при хорошем освещении."
        ),
        "privacy": (
            "Видео обрабатывается только на этом сервере. Оно удаляется, когда вы закроете страницу или выберете "
            "другое видео, самое позднее через полчаса. Звук не записывается."
        ),
        "no_event": "нет жеста",
        "finding": "Шаг 1 из 2: поиск рук, тела и лица",
        "drawing": "Шаг 2 из 2: рисуем увиденное",
        "sure": "Если модель знает этот жест, она уверена в первом ответе.",
        "fairly_sure": "Если модель знает этот жест, она почти уверена в первом ответе.",
        "unsure": "Модель не уверена. Посмотрите и другие ответы.",
        "guessing": "Модель угадывает. Возможно, она не знает этого жеста.",
        "no_hands": "Руки не найдены. Держите обе руки в кадре, при хорошем освещении.",
        "hands_rarely_seen": "Руки видны меньше половины времени. Держите их в кадре, при хорошем освещении.",
        "hands_out_of_view": "Рука выходит за край кадра. Отойдите так, чтобы обе руки оставались в кадре.",
        "head_out_of_view": "Головы нет в кадре. Отойдите так, чтобы она была видна.",
        "no_body": "Голова и плечи не найдены. Отойдите так, чтобы они были в кадре.",
        "too_dark": "Видео тёмное. При хорошем свете руки находятся лучше.",
        "too_short": "Руки видны лишь мгновение. Запишите жест целиком.",
        "no_video": "Видео ещё нет. Сначала загрузите или запишите его.",
        "too_long": "Видео длиннее {seconds} секунд. Оставьте в нём только один жест.",
        "too_large": "Кадр больше {megapixels} миллионов пикселей. Запишите видео поменьше, например в HD.",
        "too_slow": "Это видео обрабатывается слишком долго. Попробуйте покороче или поменьше.",
        "unreadable": "Этот файл не читается как видео. Попробуйте другой, например MP4.",
        "clip_tab": "Видео",
        "live_tab": "Вживую",
        "live_intro": "Показывайте жесты перед камерой. Каждый жест называется, когда он **закончился**.",
        "live_camera": "Камера",
        "live_hint": "Разрешите доступ к камере и нажмите «Запись». Голова, плечи и обе руки должны быть в кадре.",
        "live_now": "Сейчас:",
        "live_signs": "Жесты",
        "live_none": "Пока нет.",
        "live_limits": (
            "До {minutes} минут подряд. Кадры обрабатываются только на этом сервере и не сохраняются. "
            "Звук не записывается."
        ),
        "live_full": "Все места заняты. Распознавание начнётся само, когда место освободится.",
        "live_over": "{minutes} минут истекли. Остановите запись, подождите несколько секунд и начните снова.",
        "live_failed": "Кадры не удаётся обработать. Остановите запись, подождите несколько секунд и начните снова.",
        "live_no_camera": (
            "Нет изображения с камеры. Разрешите этой странице доступ к камере в настройках браузера и проверьте, "
            "не занята ли камера другой программой."
        ),
    },
}
